//go:build mpi

package mpi_test

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/l4-go/l4"
)

// TestMain lets the test binary also run as a rank: start passes the fault in an environment
// variable.
func TestMain(m *testing.M) {
	fault, isRank := os.LookupEnv("L4_TEST_FAULT")
	if !isRank {
		os.Exit(m.Run())
	}
	if err := train(fault); err != nil {
		os.Exit(3)
	}
}

// launcher returns the launcher of the MPI library that the test is built with.
func launcher() string {
	if name := os.Getenv("MPIRUN"); name != "" {
		return name
	}
	return "mpirun"
}

// start starts a job of two ranks, which is killed when ctx is done.
func start(ctx context.Context, t *testing.T, fault string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	out := new(bytes.Buffer)
	cmd := exec.CommandContext(ctx, launcher(), "-np", "2", os.Args[0])
	cmd.Env = append(os.Environ(), "L4_TEST_FAULT="+fault,
		// Open MPI needs these to run as root, and to run more ranks than cores; other libraries
		// ignore them.
		"OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1",
		"OMPI_MCA_rmaps_base_oversubscribe=1", "OMPI_MCA_hwloc_base_binding_policy=none")
	cmd.Stdout, cmd.Stderr = out, out
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, out
}

const limit = 30 * time.Second

// TestFaults checks that each fault of one rank leads to an error on both ranks, or ends the job
// with a nonzero status.
func TestFaults(t *testing.T) {
	for fault, c := range map[string]struct {
		ranks int    // number of ranks that must print text
		text  string // part of a line
	}{
		"nan":              {2, fmt.Sprintf("ERROR step %d: l4: not finite", faultStep)},
		"model":            {2, "the ranks do not match"},
		"options":          {2, "WithFraction(0.15)"},
		"seed":             {2, "the ranks have diverged"},
		"diverged":         {2, "the ranks have diverged"},
		"left":             {2, "rank 1 called Finalize"},
		"left, and failed": {2, "cannot load"},
		"error":            {1, "rank 1 called Finalize"},
		"panic":            {1, "rank 1 called Finalize"},
		"nil":              {1, "rank 1 called Finalize"},
		"hang":             {1, "ends the job"},
		"killed":           {0, ""}, "exit 0": {0, ""}, "exit 1": {0, ""},
	} {
		t.Run(fault, func(t *testing.T) {
			if fault == "exit 0" && strings.Contains(os.Getenv("MPIRUN"), "mpich") {
				t.Skip("MPICH ends the job with status 0")
			}
			ctx, cancel := context.WithTimeout(context.Background(), limit)
			defer cancel()
			cmd, out := start(ctx, t, fault)
			err := cmd.Wait()
			if ctx.Err() != nil {
				t.Fatalf("the job has not ended after %v\n%s", limit, out)
			}
			if err == nil {
				t.Errorf("the status of the job is 0, want another\n%s", out)
			}
			if strings.Contains(out.String(), "WEIGHTS") {
				t.Errorf("a rank has trained to the end, want an error\n%s", out)
			}
			printed := 0
			for line := range strings.Lines(out.String()) {
				if c.text != "" && strings.Contains(line, c.text) &&
					!strings.Contains(line, "WARN") {
					printed++
				}
			}
			if printed < c.ranks {
				t.Errorf("%d ranks print %q, want %d\n%s", printed, c.text, c.ranks, out)
			}
		})
	}
}

// TestSameAsBatches checks that two processes make the same steps as one process that adds both
// batches, also if Go handles a signal during the training.
func TestSameAsBatches(t *testing.T) {
	q, batches := newQuadratic(1001, 1), new(l4.Batches)
	solver := l4.NewL4Adam(batches)
	for step := range jobSteps {
		for rank := range 2 {
			if err := batches.Add(q.run(2*step+rank), q.model()); err != nil {
				t.Fatal(err)
			}
		}
		if err := solver.Step(batches.Model()); err != nil {
			t.Fatal(err)
		}
	}
	want := fmt.Sprintf("WEIGHTS %x after %d steps\n",
		math.Float32bits(q.w.Float32s()[11]), jobSteps)
	for _, fault := range []string{"", "recovered"} {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		cmd, out := start(ctx, t, fault)
		if err := cmd.Wait(); err != nil || strings.Count(out.String(), want) != 2 {
			t.Errorf("fault %q: error %v, want %q from both ranks\n%s", fault, err, want, out)
		}
		cancel()
	}
}

// TestAfterFinalize checks that a second Finalize returns nil, and that other calls after Finalize
// return errors and do not end the process.
func TestAfterFinalize(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd, out := start(ctx, t, "finalized")
	const want = "ERRORS in 5 of 5 calls"
	if err := cmd.Wait(); err != nil || strings.Count(out.String(), want) != 2 {
		t.Errorf("error %v, want %q from both ranks\n%s", err, want, out)
	}
}

// TestInterrupt checks that both ranks end after the same step when the job is interrupted.
func TestInterrupt(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd, out := start(ctx, t, "interrupt")
	time.Sleep(2 * time.Second)
	cmd.Process.Signal(syscall.SIGINT)
	cmd.Wait()
	if ctx.Err() != nil {
		t.Fatalf("the job has not ended after %v\n%s", limit, out)
	}
	ends := regexp.MustCompile(`WEIGHTS .*`).FindAllString(out.String(), -1)
	if len(ends) != 2 || ends[0] != ends[1] {
		tail := out.Bytes()[max(0, out.Len()-2000):]
		t.Errorf("the ranks end with %q, want two equal lines\n%s", ends, tail)
	}
}
