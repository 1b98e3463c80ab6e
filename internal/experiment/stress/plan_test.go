package stress

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"

	"github.com/l4-go/l4/internal/experiment/compare"
	"github.com/l4-go/l4/internal/experiment/dataset"
)

// register adds solvers to the registry until the end of the test.
func register(t *testing.T, solvers ...compare.Solver) {
	before := compare.Solvers
	t.Cleanup(func() { compare.Solvers = before })
	compare.Solvers = append(slices.Clone(before), solvers...)
}

// quickPlan returns a plan that takes milliseconds. One of its solvers fails.
func quickPlan(t *testing.T) Plan {
	register(t, compare.Solver{Name: "broken", Title: "Broken",
		New: func(float64) gorgonia.Solver { return broken{} }})
	c := rosenbrockTask(5)
	c.Name, c.Title = "c", "c"
	return Plan{
		Tasks:   []Task{floorTask("a", 5, 40, 1), floorTask("b", 3, 30, 0), c},
		Solvers: compare.MustParseChoices("adam:1e-3,adam:1e-2,l4adam,broken"),
		Seeds:   compare.Seeds(501, 3),
		Jobs:    2,
	}
}

// broken is a solver whose steps fail.
type broken struct{}

func (broken) Step([]gorgonia.ValueGrad) error { return errors.New("as told,\n\"always\"") }

// same reports whether two lists of results are equal except for the times.
func same(a, b []Result) bool {
	return slices.EqualFunc(a, b, func(a, b Result) bool {
		a.Time, b.Time = 0, 0
		return fmt.Sprintf("%v", a) == fmt.Sprintf("%v", b) // NaN prints as NaN
	})
}

func TestPlanIsDeterministic(t *testing.T) {
	p := quickPlan(t)
	p.Jobs = 1
	want, err := p.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range want {
		task, rest := i/12, i%12
		if r.Task != p.Tasks[task].Name || r.Solver != nameOf(p.Solvers[rest/3]) ||
			r.Seed != uint64(501+rest%3) {
			t.Errorf("result %d has task %s, solver %s, seed %d", i, r.Task, r.Solver, r.Seed)
		}
		broke := r.Solver == "broken"
		if broke != (r.Ended != "") || broke != math.IsNaN(r.Metric) {
			t.Errorf("%+v", r)
		}
	}
	p.Jobs = 7
	if got, err := p.Run(context.Background()); err != nil || !same(got, want) {
		t.Errorf("%v; with more jobs %v, want %v", err, got, want)
	}
}

// TestResume: a plan does not repeat runs whose results are in the file, even if the last line of
// the file is truncated.
func TestResume(t *testing.T) {
	path := filepath.Join(t.TempDir(), "runs.csv")
	p := quickPlan(t)
	want, err := p.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	p.File = path
	runs := 0
	p.Progress = func(_, all int, _ Result) {
		if want := 12 * len(p.Seeds); all != want {
			t.Errorf("%d runs, want %d", all, want)
		}
		runs++
	}
	want1 := slices.DeleteFunc(slices.Clone(want), func(r Result) bool { return r.Seed != 501 })
	for _, c := range []struct {
		seeds, made int
		damage      func()
	}{
		{1, 12, func() {}},
		{1, 0, func() {}},
		{3, 25, func() {
			data, _ := os.ReadFile(path)
			os.WriteFile(path, data[:len(data)-3], 0o644)
		}},
		{3, 0, func() {}},
	} {
		c.damage()
		runs, p.Seeds = 0, compare.Seeds(501, c.seeds)
		got, err := p.Run(context.Background())
		if err != nil || runs != c.made {
			t.Fatalf("%d seeds: %d runs made, want %d; %v", c.seeds, runs, c.made, err)
		}
		if expected := map[int][]Result{1: want1, 3: want}[c.seeds]; !same(got, expected) {
			t.Errorf("%d seeds: %v, want %v", c.seeds, got, expected)
		}
	}
	// The plan trains a changed task again.
	runs = 0
	p.Tasks[0] = floorTask("a", 5, 41, 1)
	if _, err := p.Run(context.Background()); err != nil || runs != 12 {
		t.Errorf("%d runs of a changed task, want 12; %v", runs, err)
	}
	data, _ := os.ReadFile(path)
	rows, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	if err != nil || len(rows) != 1+36+12 {
		t.Errorf("%d lines, %v", len(rows), err)
	}
}

func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	p := quickPlan(t)
	p.Jobs = 1
	p.Tasks[1].EpochSteps = 1 << 30 // would take for ever
	p.Progress = func(done, _ int, _ Result) {
		if done == 4 {
			cancel()
		}
	}
	results, err := p.Run(ctx)
	if !errors.Is(err, context.Canceled) || len(results) != 4 {
		t.Errorf("%d results, %v", len(results), err)
	}
}

func TestTaskFails(t *testing.T) {
	p := quickPlan(t)
	p.Tasks[1].Start = func(uint64) (compare.Training, error) { return nil, errors.New("no data") }
	_, err := p.Run(context.Background())
	if err == nil || !strings.Contains(err.Error(), "task b") {
		t.Errorf("error %v", err)
	}
}

// TestPlanReadsData: a plan reads the data once, before the first run, and only if a run needs the
// data. If the data is missing, the plan does not start any run.
func TestPlanReadsData(t *testing.T) {
	fault, reads, runs := error(nil), 0, 0
	here := func(context.Context) (string, error) { return "here", nil }
	data := &pictures{find: here, read: func(string) (train, test *dataset.Images, err error) {
		reads++
		if runs > 0 {
			t.Errorf("the plan reads the data after %d runs", runs)
		}
		none := &dataset.Images{Rows: 2, Cols: 2}
		return none, none, fault
	}}
	p := quickPlan(t)
	p.Tasks[2].data = data
	p.File = filepath.Join(t.TempDir(), "runs.csv")
	p.Progress = func(int, int, Result) { runs++ }
	for _, c := range []struct {
		tasks, seeds, reads, runs, results int
		fault                              error
	}{
		{3, 1, 1, 0, 0, errors.New("fault")},
		{2, 1, 0, 8, 8, errors.New("fault")}, // that is not needed
		{3, 1, 1, 0, 8, errors.New("fault")},
		{3, 1, 1, 4, 12, nil},
		{3, 2, 0, 12, 24, nil},
		{3, 2, 0, 0, 24, nil},
	} {
		reads, runs, fault = 0, 0, c.fault
		part := p
		part.Tasks, part.Seeds = p.Tasks[:c.tasks], compare.Seeds(501, c.seeds)
		results, err := part.Run(context.Background())
		if c.reads == 0 {
			c.fault = nil
		}
		if !errors.Is(err, c.fault) || err != nil && !strings.Contains(err.Error(), "task c") {
			t.Errorf("%+v: error %v", c, err)
		}
		if reads != c.reads || runs != c.runs || len(results) != c.results {
			t.Errorf("%+v: %d reads, %d runs, %d results", c, reads, runs, len(results))
		}
	}
}

// FuzzReadResults: the reader never panics, and accepted results survive writing and reading.
func FuzzReadResults(f *testing.F) {
	const header = "task,solver,seed,untrained,metric,average,first loss,last loss,ended," +
		"seconds,title\n"
	f.Add([]byte(header + "a,adam,501,10,83.5,NaN,2.3,0.5,,1.25,A title\n"))
	f.Add([]byte(header + "a,adam,501,10,NaN,NaN,2.3,+Inf,\"loss, \"\"x\"\"\",1.25,A title\n"))
	f.Add([]byte(header + "a"))
	f.Fuzz(func(t *testing.T, data []byte) {
		results, err := resultFields.Read(bytes.NewReader(data))
		if err != nil {
			return
		}
		path := filepath.Join(t.TempDir(), "runs.csv")
		if err := resultFields.Write(path, results); err != nil {
			t.Fatal(err)
		}
		again, store, err := resultFields.Open(path)
		if err != nil || !same(again, results) {
			t.Fatalf("%v; %v after writing and reading %v", err, again, results)
		}
		store.Close()
	})
}
