// Command demo trains with L4 and with other solvers, side by side, and draws what comes out.
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

// Exit codes.
const (
	exitFailed      = 1
	exitUsage       = 2
	exitInterrupted = 130
)

func main() {
	slog.SetDefault(slog.New(slog.DiscardHandler)) // the tables report the runs that fail
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

// failure is an error after the training has begun. Errors before are the user's to mend.
type failure struct{ error }

// run is the program as one rank of a world. It returns the exit code. What the user is to mend is
// the same on all ranks, and rank 0 says it.
func run(
	ctx context.Context, world *dist.World, args []string, stdout, stderr io.Writer,
) int {
	stdout = ofRank(world, stdout)
	root := rootCommand(world)
	root.SetArgs(append([]string{}, args...)) // cobra takes nil for os.Args
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	var failed failure
	switch {
	case err == nil:
		return 0
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(ofRank(world, stderr), "demo: interrupted")
		return exitInterrupted
	case errors.As(err, &failed):
		fmt.Fprintln(stderr, "demo:", err)
		return exitFailed
	}
	fmt.Fprintln(ofRank(world, stderr), "demo:", err)
	return exitUsage
}
