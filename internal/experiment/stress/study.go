package stress

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"

	"github.com/l4-go/l4"
)

// Study is a comparison of its own: tasks along one axis, with the solvers that it is about.
type Study struct {
	Name, Title string
	Tasks       func(d *Data) []Task
	Solvers     func() []Solver
}

// Studies are all comparisons. The first is the suite.
var Studies = []Study{
	{"suite", "all solvers on all tasks", Suite, Solvers},
	{"long", "60,000 noisy steps, and then other labels", longTasks, fewSolvers},
	{"time", "time scales of the momentum of 1, 3, 10 and 30", timeTasks, timeSolvers},
	{"size", "models of 10 to 10 million parameters", sizeTasks, fewSolvers},
	{"dtype", "float32 and float64", dtypeTasks, fewSolvers},
	{"batch", "batches of 1 to 512", batchTasks, fewSolvers},
	{"early", "the first 20, 50 and 100 steps", earlyTasks, fewSolvers},
	{"inner", "L4 over Gorgonia's solvers, with bounds of three widths", timeTasks, innerSolvers},
}

// FindStudy returns a study by its name.
func FindStudy(name string) (Study, error) {
	found, err := choose("study", Studies, []string{name}, func(s Study) string { return s.Name })
	if err != nil {
		return Study{}, err
	}
	return found[0], nil
}

// ChooseTasks returns the tasks with these names.
func ChooseTasks(tasks []Task, names []string) ([]Task, error) {
	return choose("task", tasks, names, func(t Task) string { return t.Name })
}

// ChooseSolvers returns the solvers with these names.
func ChooseSolvers(solvers []Solver, names []string) ([]Solver, error) {
	return choose("solver", solvers, names, func(s Solver) string { return s.Name })
}

func choose[T any](what string, all []T, names []string, nameOf func(T) string) ([]T, error) {
	var known []string
	var chosen []T
	for _, x := range all {
		known = append(known, nameOf(x))
		if slices.Contains(names, nameOf(x)) {
			chosen = append(chosen, x)
		}
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			return nil, errors.Errorf("stress: no %s %q: choose from %s", what, name,
				strings.Join(known, ", "))
		}
	}
	return chosen, nil
}

// fewSolvers are the bounded ones, and Adam.
func fewSolvers() []Solver {
	return slices.DeleteFunc(Solvers(), func(s Solver) bool {
		return !s.Rate && s.Name != "l4adam" && s.Name != "l4mom"
	})
}

// longTasks train a small net on wrong labels so long that the steps have become short, and then
// change the labels.
func longTasks(d *Data) []Task {
	c := imageTask{name: "long", kind: "long", steps: 60_000, batch: 8, wrong: 20,
		architecture: architecture{hidden: []int{24}}}
	after := c
	after.name, after.steps, after.change = "long-change", 70_000, 60_000
	after.note = "each class has the name of the next from step 60,001 on"
	return []Task{c.task(d), after.task(d)}
}

// timeTasks are some of the suite's.
func timeTasks(d *Data) []Task {
	names := []string{"fashion-0", "fashion-20", "mnist-40", "batch-4", "deep", "rnn",
		"regression-normal", "floor"}
	return slices.DeleteFunc(Suite(d), func(t Task) bool { return !slices.Contains(names, t.Name) })
}

func timeSolvers() []Solver {
	var solvers []Solver
	for _, tau := range []float64{1, 3, 10, 30} {
		opt := l4.WithMomentumTime(tau)
		name, title := fmt.Sprintf("-%v", tau), fmt.Sprintf(", τm %v", tau)
		solvers = append(solvers, l4Solver("l4adam"+name, "L4Adam"+title, Both, l4Adam(opt)),
			l4Solver("l4mom"+name, "L4Mom"+title, Both, l4Mom(opt)))
	}
	return append(solvers, adams()...)
}

// adams are Adam at the rates from which each task's best is chosen.
func adams() []Solver {
	return slices.DeleteFunc(Solvers(), func(s Solver) bool { return !s.Rate })
}

// innerSolvers are L4 over gradient descent, RMSProp and Adam. Successive directions are taken to be
// correlated over c steps, and the bound is narrower by √c.
func innerSolvers() []Solver {
	var solvers []Solver
	for _, inner := range []struct {
		name, title string
		make        func() gorgonia.Solver
	}{
		{"sgd", "gradient descent", func() gorgonia.Solver { return gorgonia.NewVanillaSolver() }},
		{"rmsprop", "RMSProp", func() gorgonia.Solver { return gorgonia.NewRMSPropSolver() }},
		{"adam", "Adam", func() gorgonia.Solver { return gorgonia.NewAdamSolver() }},
	} {
		for _, c := range []float64{1, 4.75, 19} {
			opt := l4.WithMomentumTime((c + 1) / 2)
			solvers = append(solvers, l4Solver(fmt.Sprintf("l4-%s-%v", inner.name, c),
				fmt.Sprintf("L4 over %s, c = %v", inner.title, c), Both,
				func(loss gorgonia.Valuer) gorgonia.Solver {
					return l4.New(loss, inner.make(), opt)
				}))
		}
	}
	return append(solvers, adams()...)
}

// sizeTasks are noisy linear regressions of up to 1,000 weights and, beyond, nets on images with
// wrong labels. The largest has few steps: each takes as long as a thousand of the usual net.
func sizeTasks(d *Data) []Task {
	var tasks []Task
	for _, n := range []int{10, 100, 1000} {
		tasks = append(tasks, regressionTask{
			name: fmt.Sprintf("size-%d", n), steps: 5000, batch: 16,
			title:  fmt.Sprintf("Regression of %d parameters, normal noise, squared error", n),
			inputs: n - 1, linear: true, penalty: squared, noise: normalNoise}.task("size"))
	}
	for _, c := range []struct {
		size         string
		hidden       []int
		steps, tests int
	}{
		{"1e4", []int{46, 20}, 3000, 10_000},
		{"1e5", []int{300, 130}, 2000, 10_000},
		{"1e6", []int{1000, 800}, 500, 2000},
		{"1e7", []int{3000, 3100}, 100, 500},
	} {
		tasks = append(tasks, imageTask{name: "size-" + c.size, kind: "size", steps: c.steps,
			batch: 16, wrong: 20, tests: c.tests,
			architecture: architecture{hidden: c.hidden}}.task(d))
	}
	return tasks
}

// dtypeTasks are some of the suite's in both dtypes.
func dtypeTasks(d *Data) []Task {
	var tasks []Task
	names := []string{"fashion-0", "fashion-20", "batch-4", "deep", "mnist-40"}
	for _, c := range imageTasks {
		if !slices.Contains(names, c.name) {
			continue
		}
		tasks = append(tasks, c.task(d))
		c.name, c.wide = c.name+"-float64", true
		tasks = append(tasks, c.task(d))
	}
	return tasks
}

// earlyTasks are some of the suite's, cut off early.
func earlyTasks(d *Data) []Task {
	var tasks []Task
	names := []string{"fashion-0", "mnist-0", "deep", "rnn"}
	for _, c := range imageTasks {
		if !slices.Contains(names, c.name) {
			continue
		}
		name := c.name
		for _, steps := range []int{20, 50, 100} {
			c.name, c.steps = fmt.Sprintf("%s-%d", name, steps), steps
			tasks = append(tasks, c.task(d))
		}
	}
	return tasks
}

// batchTasks have the same form at each size of batch, and fewer steps at the largest.
func batchTasks(d *Data) []Task {
	var tasks []Task
	for batch := 1; batch <= 512; batch *= 2 {
		tasks = append(tasks, imageTask{name: fmt.Sprintf("batch-%d", batch), kind: batchSize,
			steps: min(8000, 128_000/batch), batch: batch, wrong: 20, architecture: usual}.task(d))
	}
	return tasks
}
