package main

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/l4-go/l4/internal/experiment/compare"
	"github.com/l4-go/l4/internal/experiment/stress"
)

// TestTraceRun checks that no step of the curves of demo bound is longer than its limit.
func TestTraceRun(t *testing.T) {
	suite := stress.Suite(stressData("", io.Discard))
	tasks, err := compare.Choose("task", suite, []string{"regression-normal"},
		func(t stress.Task) string { return t.Name })
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range compare.MustParseChoices("l4adam,l4adam-plain,adam") {
		r, err := traceRun(t.Context(), tasks[0], c, 1)
		if err != nil {
			t.Fatal(err)
		}
		if c.Name != "l4adam-plain" && len(r.steps) != tasks[0].EpochSteps/boundEvery {
			t.Errorf("%s: %d points", c, len(r.steps))
		}
		for i := range r.steps {
			if c.Name == "l4adam-plain" && r.limit[i] < 1e6*r.length[i] {
				t.Errorf("%s: length %g near the limit %g", c, r.length[i], r.limit[i])
			}
			if r.length[i] > r.limit[i]*(1+1e-9) {
				t.Errorf("%s: length %g beyond the limit %g", c, r.length[i], r.limit[i])
			}
		}
		if atLimit := slices.Equal(r.length, r.limit); atLimit != (c.Name == "adam") {
			t.Errorf("%s: at the limit throughout: %t", c, atLimit)
		}
		if last := r.loss[len(r.loss)-1]; last > boundLost {
			t.Errorf("%s: last loss %g", c, last)
		}
	}
}

// TestBoundInterrupted: Ctrl-C ends the command as it ends the others.
func TestBoundInterrupted(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{"fashion-mnist", "mnist"} {
		if err := os.Rename(noisyData(t, 28), filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	r := interrupted(t, "bound --data", folder, "--out", t.TempDir())
	if r.code != exitInterrupted || r.stderr != "demo: interrupted\n" {
		t.Errorf("exit code %d: %s", r.code, r.stderr)
	}
}
