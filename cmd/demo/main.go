// Command demo compares L4 with other solvers: it trains the same models with each of them, prints
// tables, and writes CSV files and figures.
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/pkg/errors"

	"github.com/l4-go/l4/dist"
	"github.com/l4-go/l4/mpi"
)

// experiments are the paper's experiments. Each is a command, and demo without a command runs the
// first. To add an experiment, write a file such as regression.go with a function that returns the
// experiment, and add the function here.
var experiments = []func() experiment{mnist, regression, fashion, cifar, dnc}

// suites are the other commands that compare solvers.
var suites = []func() suite{stressSuite, programsSuite}

// Exit codes.
const (
	exitFailed      = 1
	exitUsage       = 2
	exitInterrupted = 130
)

func main() {
	slog.SetDefault(slog.New(slog.DiscardHandler)) // the tables report failed runs
	world, err := mpi.Init()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(exitFailed)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	code := run(ctx, world, os.Args[1:], os.Stdout, os.Stderr)
	if err := world.Finalize(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, "demo:", err)
		code = exitFailed
	}
	os.Exit(code)
}

// run runs the program as one rank of a world and returns the exit code. The user's mistakes are
// the same on all ranks, so only rank 0 reports them.
func run(
	ctx context.Context, world *dist.World, args []string, stdout, stderr io.Writer,
) int {
	stdout = onFirstRank(world, stdout)
	root := rootCommand(world, experiments[0]().suite(), allSuites(), drawCommand(experiments),
		boundCommand())
	root.SetArgs(append([]string{}, args...)) // cobra takes nil for os.Args
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	var failed failure
	switch {
	case err == nil:
		return 0
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(onFirstRank(world, stderr), "demo: interrupted")
		return exitInterrupted
	case errors.As(err, &failed):
		fmt.Fprintln(stderr, "demo:", err)
		return exitFailed
	}
	fmt.Fprintln(onFirstRank(world, stderr), "demo:", err)
	return exitUsage
}

// allSuites returns the suites of all commands that compare solvers. Each call makes new suites,
// whose settings are the defaults.
func allSuites() []suite {
	var all []suite
	for _, e := range experiments {
		all = append(all, e().suite())
	}
	for _, s := range suites {
		all = append(all, s())
	}
	return all
}
