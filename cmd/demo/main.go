// Command demo trains with L4 and with Gorgonia's own solvers, side by side, and draws what came out.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/pkg/errors"
)

// Exit codes.
const (
	exitFailed      = 1
	exitUsage       = 2
	exitInterrupted = 130
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the program. Its result is the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	fail := func(code int, err error) int {
		fmt.Fprintln(stderr, "demo:", err)
		return code
	}
	s, err := parse(args, stdout)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		return fail(exitUsage, err)
	}
	j, err := newJob(s, stdout)
	if err != nil {
		return fail(exitUsage, err)
	}
	if err := os.MkdirAll(s.out, 0o755); err != nil {
		return fail(exitUsage, err)
	}

	if s.trace {
		err = j.experiment.trace(ctx, s, stdout)
	} else {
		err = j.train(ctx)
		if reportErr := j.report(stdout); reportErr != nil {
			return fail(exitFailed, reportErr)
		}
	}
	switch {
	case errors.Is(err, context.Canceled):
		return fail(exitInterrupted, errors.New("interrupted"))
	case err != nil:
		return fail(exitFailed, err)
	}
	return 0
}
