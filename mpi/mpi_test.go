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

// TestMain lets this binary be its own ranks.
func TestMain(m *testing.M) {
	fault, isRank := os.LookupEnv("L4_TEST_FAULT")
	if !isRank {
		os.Exit(m.Run())
	}
	if err := train(fault); err != nil {
		os.Exit(3)
	}
}

// launcher is mpirun of the library that the test is built with.
func launcher() string {
	if name := os.Getenv("MPIRUN"); name != "" {
		return name
	}
	return "mpirun"
}

// start starts a job of two ranks. It ends with ctx.
func start(ctx context.Context, t *testing.T, fault string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	out := new(bytes.Buffer)
	cmd := exec.CommandContext(ctx, launcher(), "-np", "2", os.Args[0])
	cmd.Env = append(os.Environ(), "L4_TEST_FAULT="+fault,
		// What Open MPI wants of root, and of more ranks than cores; others ignore it.
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

// TestFaults: each fault of a rank is an error on both, or the end of the job with a status that
// is not 0.
func TestFaults(t *testing.T) {
	for fault, c := range map[string]struct {
		ranks int    // that say
		text  string // this
	}{
		"nan":              {2, fmt.Sprintf("ERROR step %d: l4: not finite", faultStep)},
		"model":            {2, "the ranks do not match"},
		"options":          {2, "WithFraction(0.15)"},
		"seed":             {2, "the weights differ"},
		"diverged":         {2, "the weights differ"},
		"left":             {2, "rank 1 is at Finalize"},
		"left, and failed": {2, "cannot load"},
		"error":            {1, "rank 1 is at Finalize"},
		"panic":            {1, "rank 1 is at Finalize"},
		"nil":              {1, "rank 1 is at Finalize"},
		"hang":             {1, "ends the job"},
		"killed":           {0, ""}, "exit 0": {0, ""}, "exit 1": {0, ""},
	} {
		t.Run(fault, func(t *testing.T) {
			if fault == "exit 0" && strings.Contains(os.Getenv("MPIRUN"), "mpich") {
				t.Skip("MPICH takes it for success")
			}
			ctx, cancel := context.WithTimeout(context.Background(), limit)
			defer cancel()
			cmd, out := start(ctx, t, fault)
			err := cmd.Wait()
			if ctx.Err() != nil {
				t.Fatalf("hangs\n%s", out)
			}
			if err == nil {
				t.Errorf("the status is 0\n%s", out)
			}
			if strings.Contains(out.String(), "WEIGHTS") {
				t.Errorf("a rank has trained to the end\n%s", out)
			}
			said := 0
			for line := range strings.Lines(out.String()) {
				if c.text != "" && strings.Contains(line, c.text) {
					said++
				}
			}
			if said < c.ranks {
				t.Errorf("%d ranks say %q, want %d\n%s", said, c.text, c.ranks, out)
			}
		})
	}
}

// TestSameAsBatches: two processes make the steps of one with both batches, also where Go handles a
// signal in between.
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
			t.Errorf("%v, want %s of two ranks\n%s", err, want, out)
		}
		cancel()
	}
}

// TestAfterFinalize checks that a program may call Finalize again, and that other calls after it
// return errors and do not end the process.
func TestAfterFinalize(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd, out := start(ctx, t, "finalized")
	const want = "REFUSED 5 of 5 calls"
	if err := cmd.Wait(); err != nil || strings.Count(out.String(), want) != 2 {
		t.Errorf("%v, want %q of two ranks\n%s", err, want, out)
	}
}

// TestInterrupt: both ranks end with the same step when one is told to stop.
func TestInterrupt(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd, out := start(ctx, t, "interrupt")
	time.Sleep(2 * time.Second)
	cmd.Process.Signal(syscall.SIGINT)
	cmd.Wait()
	if ctx.Err() != nil {
		t.Fatalf("hangs\n%s", out)
	}
	ends := regexp.MustCompile(`WEIGHTS .*`).FindAllString(out.String(), -1)
	if len(ends) != 2 || ends[0] != ends[1] {
		tail := out.Bytes()[max(0, out.Len()-2000):]
		t.Errorf("the ranks end with %q, want the same twice\n%s", ends, tail)
	}
}
