package stress

import (
	"bytes"
	"context"
	"io/fs"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/pkg/errors"
	"gonum.org/v1/gonum/stat"
	"gorgonia.org/gorgonia"

	"github.com/l4-go/l4/internal/experiment/baseline"
	"github.com/l4-go/l4/internal/experiment/compare"
	"github.com/l4-go/l4/internal/experiment/dataset"
	"github.com/l4-go/l4/internal/op/optest"
)

// testData has MNIST in the place of Fashion-MNIST. MNIST comes in a module, Fashion-MNIST may be
// missing.
var testData = &Data{fashion: testDigits, digits: testDigits}

var testDigits = NewData(nil, folder("")).digits

func folder(name string) Find {
	return func(context.Context) (string, error) { return name, nil }
}

// allTasks returns the tasks of all studies except one study, which takes too much time and memory
// for a test.
func allTasks() (tasks []Task) {
	for _, s := range Studies {
		tasks = append(tasks, s.Tasks(testData)...)
	}
	return slices.DeleteFunc(tasks, func(t Task) bool { return t.Name == "size-1e7" })
}

// trace trains for three steps and returns the losses and the last weights.
func trace(t *testing.T, task Task, seed uint64) (xs []float64) {
	t.Helper()
	training, err := task.Start(seed)
	if err != nil {
		t.Fatal(err)
	}
	solver := baseline.NewAdam(1e-3)
	for step := range 3 {
		loss, model, err := training.Run(step)
		if err != nil {
			t.Fatal(err)
		}
		xs = append(xs, optest.Floats(loss.Value())...)
		if err := solver.Step(model); err != nil {
			t.Fatal(err)
		}
	}
	for _, v := range training.State() {
		xs = append(xs, optest.Floats(v)...)
	}
	return xs
}

// TestTasks: a seed always gives the same losses and weights, and another seed gives other losses.
func TestTasks(t *testing.T) {
	for _, task := range allTasks() {
		xs := trace(t, task, 501)
		if i := slices.IndexFunc(xs, func(x float64) bool { return finite(x) != x }); i >= 0 {
			t.Errorf("%s: %v", task.Name, xs[i])
		}
		if !slices.Equal(xs, trace(t, task, 501)) {
			t.Errorf("%s: other weights from the same seed", task.Name)
		}
		if slices.Equal(xs[:3], trace(t, task, 502)[:3]) {
			t.Errorf("%s: the same losses from another seed", task.Name)
		}
	}
}

func TestNamesAreUnique(t *testing.T) {
	for _, s := range Studies {
		seen := map[string]bool{}
		for _, task := range s.Tasks(testData) {
			if seen[task.Name] || task.Title == "" || task.Kind == "" || task.EpochSteps < 1 {
				t.Errorf("%s: task %+v", s.Name, task)
			}
			seen[task.Name] = true
		}
		for _, solver := range s.Solvers {
			if name := nameOf(solver); seen[name] || seen[solver.String()] {
				t.Errorf("%s: two solvers have the name %s", s.Name, name)
			} else {
				seen[name], seen[solver.String()] = true, true
			}
		}
	}
	tasks := Suite(testData)
	if len(tasks) < 24 {
		t.Errorf("%d tasks", len(tasks))
	}
	quick := 0
	for _, task := range tasks {
		if IsQuick(task) {
			quick++
		}
	}
	if quick != len(Quick) {
		t.Errorf("%d quick tasks, want %d", quick, len(Quick))
	}
	if n := len(timeTasks(testData)); n != 8 {
		t.Errorf("%d tasks for time scales", n)
	}
	for word, want := range map[string]string{"nothing": "batch", "s": "suite and size"} {
		if _, err := FindStudy(word); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", word, err, want)
		}
	}
	if s, err := FindStudy("dt"); err != nil || s.Name != "dtype" {
		t.Errorf("study %s, %v", s.Name, err)
	}
}

// TestSolverNames: the names are as in docs/data. Numbers other than the default are written in
// full.
func TestSolverNames(t *testing.T) {
	for text, want := range map[string]string{
		"adam": "adam-1e-3", "adam:3e-4": "adam-3e-4", "adam:0.01": "adam-1e-2",
		"adam:0.0025": "adam-2.5e-3", "l4adam": "l4adam", "l4adam:0.25": "l4adam-0.25",
		"l4mom-plain": "l4mom-plain", "dog": "dog", "l4-sgd:4.75": "l4-sgd-4.75",
	} {
		if got := nameOf(compare.MustParseChoices(text)[0]); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

// TestSolversRun: each solver trains a task, and the result has the metric of its weights.
func TestSolversRun(t *testing.T) {
	task := floorTask("floor", 10, 50, 0.1)
	for _, s := range slices.Concat(suiteSolvers, timeSolvers, innerSolvers) {
		r, err := run(t.Context(), task, s, 501)
		if err != nil || r.Ended != "" {
			t.Fatalf("%v: %v, %v", s, err, r)
		}
		weights := weightsOf(s)
		if weights&Last != 0 == math.IsNaN(r.Metric) ||
			weights&Averaged != 0 == math.IsNaN(r.Average) {
			t.Errorf("%v: metric %v, metric of the average %v", s, r.Metric, r.Average)
		}
		for _, metric := range []float64{r.Metric, r.Average} {
			if metric == r.Untrained {
				t.Errorf("%v: the metric is still %v, the untrained metric", s, metric)
			}
		}
	}
}

// TestLosses: a result has the first loss and the mean of the last tenth. If a run ends early, its
// result has only the first loss.
func TestLosses(t *testing.T) {
	task, solver := floorTask("floor", 10, 50, 0.1), compare.MustParseChoices("adam")[0]
	training, err := task.Start(501)
	if err != nil {
		t.Fatal(err)
	}
	var losses []float64
	_, err = compare.Train(t.Context(), training, solver.New(), compare.Options{
		Epochs: 1, EpochSteps: 50,
		OnStep: func(_ int, loss, _ float64) { losses = append(losses, loss) },
	})
	if err != nil {
		t.Fatal(err)
	}
	r, err := run(t.Context(), task, solver, 501)
	if err != nil || r.FirstLoss != losses[0] || r.LastLoss != stat.Mean(losses[45:], nil) {
		t.Errorf("%v: %+v, losses %v", err, r, losses)
	}
	register(t, compare.Solver{Name: "broken",
		New: func(float64) gorgonia.Solver { return broken{} }})
	r, err = run(t.Context(), task, compare.Choice{Name: "broken"}, 501)
	if err != nil || r.FirstLoss != losses[0] || !math.IsNaN(r.LastLoss) ||
		r.Ended != `step 1: as told, "always"` {
		t.Errorf("%v: %+v", err, r)
	}
}

func TestDisturbances(t *testing.T) {
	trained := &trainee[float64]{params: []*param[float64]{newParam[float64](2)}}
	trained.forward = func(int) float64 {
		copy(trained.params[0].g, []float64{1, -2})
		return 3
	}
	disturb(trained, disturbance{zeroFrom: 4, zeroSteps: 2, every: 7, lossBy: 10, gradBy: 100})
	for step, want := range []struct{ loss, grad float64 }{
		1: {3, 1}, 3: {3, 1}, 4: {3, 0}, 5: {3, 0}, 6: {3, 1},
		7: {30, 100}, 8: {3, 1}, 14: {30, 100},
	} {
		if want.loss == 0 {
			continue
		}
		loss, g := trained.forward(step), trained.params[0].g
		if loss != want.loss || g[0] != want.grad || g[1] != -2*want.grad {
			t.Errorf("step %d: loss %v, gradient %v, want %v", step, loss, g, want)
		}
	}
}

// TestChange: the change replaces each label by the next label, in training and in the test.
func TestChange(t *testing.T) {
	s := &dataset.Images{Rows: 1, Cols: 4, Classes: 10}
	for class := range 10 {
		row := []byte{0, 0, 0, 0}
		row[class%4] = byte(20 * (class + 1))
		s.Pixels, s.Labels = append(s.Pixels, row...), append(s.Labels, byte(class))
	}
	training := startImages[float64](imageTask{batch: 10, change: 300}, &images{s, s}, 1)
	// The model first learns the labels. Then its answers show the labels.
	solver := baseline.NewAdam(0.1)
	var before float64
	for step := range 301 {
		if step == 300 {
			before = training.test()
		}
		_, model, _ := training.Run(step)
		if err := solver.Step(model); err != nil {
			t.Fatal(err)
		}
	}
	if after := training.test(); before < 70 || after > 30 {
		t.Errorf("accuracy %v before the change, %v after", before, after)
	}
}

func TestPool(t *testing.T) {
	s := &dataset.Images{Rows: 2, Cols: 4, Classes: 10, Labels: []byte{1, 2},
		Pixels: []byte{0, 255, 1, 2, 255, 255, 3, 4, 9, 9, 9, 9, 9, 9, 9, 10}}
	p := pool(s)
	if !bytes.Equal(p.Pixels, []byte{191, 3, 9, 9}) || p.Rows != 1 || p.Cols != 2 {
		t.Errorf("%d by %d pixels: %v", p.Rows, p.Cols, p.Pixels)
	}
	x := make([]float64, 2)
	if pixels(x, p, 0); x[0] != 191.0/255 || x[1] != 3.0/255 {
		t.Errorf("pixels %v", x)
	}
}

func TestShuffle(t *testing.T) {
	const n = 50
	s, seen := newShuffle(n, random(1, forBatches)), make([]int, n)
	var rounds [2][]int
	for round := range rounds {
		for range n {
			i := s.deal()
			seen[i]++
			rounds[round] = append(rounds[round], i)
		}
		for i, count := range seen {
			if count != round+1 {
				t.Fatalf("%d came %d times in %d rounds", i, count, round+1)
			}
		}
	}
	if reflect.DeepEqual(rounds[0], rounds[1]) {
		t.Error("two rounds have the same order")
	}
}

// TestNoFashion: if Fashion-MNIST or its files are missing, Start returns an error. The titles of
// the tasks do not depend on the data.
func TestNoFashion(t *testing.T) {
	fault := errors.New("fault")
	missing := NewData(func(context.Context) (string, error) { return "", fault }, nil)
	if _, err := Suite(missing)[0].Start(1); !errors.Is(err, fault) {
		t.Errorf("error %v, want %v", err, fault)
	}
	empty := NewData(folder(t.TempDir()), nil)
	if _, err := Suite(empty)[0].Start(1); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v for a folder without files", err)
	}
	for _, s := range Studies {
		have := s.Tasks(testData)
		for i, task := range s.Tasks(missing) {
			if want := have[i].Title; task.Title != want {
				t.Errorf("title %q without the data, %q with it", task.Title, want)
			}
		}
	}
	if title := Suite(missing)[0].Title; !strings.HasPrefix(title, "Fashion-MNIST, ") {
		t.Errorf("title %q", title)
	}
}

// TestTeacher: the values of the teacher functions have a standard deviation of 1.
func TestTeacher(t *testing.T) {
	for _, linear := range []bool{true, false} {
		f := newTeacher(10, linear, random(7, forTask))
		x, y := make([]float64, 200_000), make([]float64, 20_000)
		sample(f, x, y, random(8, forTask))
		if std := stat.StdDev(y, nil); math.Abs(std-1) > 0.1 {
			t.Errorf("linear %v: standard deviation %v", linear, std)
		}
	}
}
