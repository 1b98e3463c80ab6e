package main

import (
	"bytes"
	"context"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gorgonia.org/gorgonia"

	"github.com/l4-go/l4/internal/experiment/train"
)

// stressTable runs the experiment and returns the table's cells, by task and solver.
func stressTable(t *testing.T, args ...string) (cells map[string]map[string][]string, stdout string) {
	t.Helper()
	code, stdout, stderr := demo(t, context.Background(), append([]string{"stress"}, args...)...)
	if code != 0 {
		t.Fatal(stderr)
	}
	_, table, _ := strings.Cut(stdout, "largest loss\n")
	table, _, _ = strings.Cut(table, "\n\n")
	cells = map[string]map[string][]string{}
	task := ""
	for _, line := range strings.Split(table, "\n") {
		if name, ok := strings.CutPrefix(line, "  "); ok {
			solver, rest, _ := strings.Cut(name, "  ")
			cells[task][solver] = strings.Fields(rest)
		} else {
			task = line
			cells[task] = map[string][]string{}
		}
	}
	return cells, stdout
}

// TestStress: plain L4 diverges and guarded L4 does not.
func TestStress(t *testing.T) {
	cells, stdout := stressTable(t, "-data", smallData(t), "-out", t.TempDir(), "-restarts", "1", "-tasks", "quadratic-constant,quadratic-zeros-200")
	for _, c := range []struct {
		task, number string
		runs         []string
	}{
		{"Quadratic + 1, 4000 steps, fraction 0.25", " 0.25", []string{"L4Adam", "L4Mom"}},
		{"Quadratic, gradient 0 in 200 steps, 4000 steps", " 0.15", []string{"L4Adam", "L4Mom"}},
	} {
		for _, solver := range c.runs {
			if got := strings.Join(cells[c.task][solver+c.number], " "); got != "1 of 1 - - ∞" {
				t.Errorf("%s: %s: %q", c.task, solver, got)
			}
			if got := strings.Join(cells[c.task][solver+" guarded"+c.number], " "); !strings.HasPrefix(got, "0 of 1") {
				t.Errorf("%s: %s guarded: %q", c.task, solver, got)
			}
		}
	}
	if want := "With the guard 0 of 6 runs of L4 diverged, without it 4 of 6.\n"; !strings.Contains(stdout, want) {
		t.Errorf("%q is not in the output:\n%s", want, stdout)
	}
}

// TestStressImages: wrong labels on a small data set. The numbers do not depend on -jobs, nor on an interruption.
func TestStressImages(t *testing.T) {
	data, dir := smallData(t), t.TempDir()
	args := func(out string, more ...string) []string {
		return append([]string{"-data", data, "-out", filepath.Join(dir, out), "-restarts", "1", "-epochs", "8",
			"-tasks", "mnist-small,mnist-change", "-solvers", "l4adam,l4mom+guard,adam"}, more...)
	}
	cells, stdout := stressTable(t, args("straight", "-jobs", "1")...)
	if len(cells) != 2 {
		t.Fatalf("%d tasks in\n%s", len(cells), stdout)
	}
	for task, solvers := range cells {
		row := solvers["L4Mom guarded 0.15"]
		if len(solvers) != 3 || len(row) == 0 || strings.HasPrefix(task, "First 1000") && row[0] != "0" { // the other has 8 steps
			t.Errorf("%s: %v", task, solvers)
		}
	}
	if !strings.Contains(stdout, "furthest behind Adam") {
		t.Errorf("no comparison with Adam in\n%s", stdout)
	}
	stressTable(t, args("jobs", "-jobs", "4")...)
	wantSameNumbers(t, "stress", filepath.Join(dir, "jobs"), filepath.Join(dir, "straight"))

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	resumed := args("resumed", "-checkpoint", filepath.Join(dir, "checkpoint"), "-resume")
	code := run(ctx, append([]string{"stress"}, resumed...), &cancelAt{after: 8, cancel: cancel}, new(bytes.Buffer))
	if code != exitInterrupted {
		t.Errorf("exit code %d", code)
	}
	stressTable(t, resumed...)
	wantSameNumbers(t, "stress", filepath.Join(dir, "resumed"), filepath.Join(dir, "straight"))
}

// TestOutcome: what counts as diverged, and what the numbers are of.
func TestOutcome(t *testing.T) {
	spec := solverSpec{"l4adam", 0.15}
	v := variant{name: "v", least: 1}
	j := &job{settings: settings{seed: 1, restarts: 5}, results: map[runID]result{}}
	add := func(seed uint64, r result) { j.results[runID{"v", spec, seed}] = r }
	record := func(first, mean, largest, accuracy float64) train.Record {
		return train.Record{FirstLoss: first, Loss: mean, MaxLoss: largest, Accuracy: accuracy}
	}
	add(1, result{Records: []train.Record{record(10, 9, 11, 0.1), record(9, 3, 5, 0.5)}})
	add(2, result{Records: []train.Record{record(10, 9, 9, 0.1), record(9, 9, 9, 0.1)}})
	add(3, result{Records: []train.Record{record(10, 9.5, 12, 0.1), record(9, 9.1, 9, 0.3)}})
	add(4, result{Records: []train.Record{record(10, 4, 5, 0.1)}, Ended: context.Canceled.Error()})
	o := j.outcome(v, spec)
	if o.runs != 3 || o.diverged != 1 || o.largest != 12 || len(o.losses) != 3 || o.losses[0] != 2 || math.Abs(o.accuracy()-30) > 1e-12 {
		t.Errorf("%+v", o)
	}
	add(5, result{Records: nil, Ended: "step 5: diverged", Diverged: true})
	o = j.outcome(v, spec)
	if o.runs != 4 || o.diverged != 2 || !math.IsInf(o.largest, 1) || len(o.losses) != 3 {
		t.Errorf("%+v", o)
	}
}

// TestTrace draws a short one.
func TestTrace(t *testing.T) {
	out := t.TempDir()
	code, stdout, stderr := demo(t, context.Background(), "stress", "-trace", "-data", smallData(t), "-out", out, "-epochs", "40")
	if code != 0 || !strings.Contains(stdout, "L4Adam guarded 0.15  epoch 40/40") {
		t.Fatal(stdout, stderr)
	}
	for _, ext := range []string{".png", ".svg"} {
		if info, err := os.Stat(filepath.Join(out, "stress-trace"+ext)); err != nil || info.Size() == 0 {
			t.Error(err)
		}
	}
}

// TestProbe: the slope ratio measured from outside is the guard's own.
func TestProbe(t *testing.T) {
	task := train.SyntheticProblems[0].Task(1, 3000)
	solver := train.Kinds["l4mom+guard"].New(task.Loss, 0.25)
	p := &probe{adaptive: solver.Solver.(adaptive)}
	checked := &checkedProbe{probe: p, t: t}
	if _, err := train.Run(context.Background(), task, train.Solver{Solver: checked, LearnRate: solver.LearnRate}, train.Options{Epochs: 1}); err != nil {
		t.Fatal(err)
	}
	if len(p.points) != 3000/traceMean || checked.below == 0 {
		t.Errorf("%d points, %d steps with a ratio below 0", len(p.points), checked.below)
	}
}

type checkedProbe struct {
	*probe
	t     *testing.T
	below int
}

func (c *checkedProbe) Step(model []gorgonia.ValueGrad) error {
	before := c.sum[0]
	err := c.probe.Step(model)
	info := c.Last()
	if info.Step%traceMean == 0 {
		return err // the sum starts again
	}
	if got := (c.sum[0] - before) * traceMean; math.Abs(got-info.SlopeRatio) > 1e-6 {
		c.t.Errorf("step %d: slope ratio %v, the guard's is %v", info.Step, got, info.SlopeRatio)
	}
	if info.SlopeRatio < 0 {
		c.below++
	}
	return err
}
