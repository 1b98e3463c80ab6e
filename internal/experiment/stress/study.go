package stress

import (
	"fmt"
	"slices"

	"github.com/pkg/errors"

	"github.com/l4-go/l4/internal/experiment/compare"
)

// Study is a comparison on its own: tasks that vary one quantity, and the solvers to compare.
type Study struct {
	Name, Title string
	Tasks       func(d *Data) []Task
	Solvers     compare.Choices
}

// Studies are all studies. The first is the suite.
var Studies = []Study{
	{"suite", "all solvers on all tasks", Suite, suiteSolvers},
	{"long", "60,000 noisy steps, and then other labels", longTasks, fewSolvers},
	{"time", "time scales of the momentum of 1, 3, 10 and 30", timeTasks, timeSolvers},
	{"size", "models of 10 to 10 million parameters", sizeTasks, fewSolvers},
	{"dtype", "float32 and float64", dtypeTasks, fewSolvers},
	{"batch", "batches of 1 to 512", batchTasks, fewSolvers},
	{"early", "the first 20, 50 and 100 steps", earlyTasks, fewSolvers},
	{"inner", "L4 over Gorgonia's solvers, with bounds of three widths", timeTasks, innerSolvers},
}

// FindStudy returns the study with the given name or beginning of a name; see compare.Match.
func FindStudy(word string) (Study, error) {
	found, err := compare.Match("study", Studies, word, func(s Study) string { return s.Name })
	if err != nil {
		return Study{}, err
	}
	if len(found) > 1 {
		return Study{}, errors.Errorf("the studies %s and %s begin with %q: name one",
			found[0].Name, found[1].Name, word)
	}
	return found[0], nil
}

// longTasks returns two tasks that train a small net on wrong labels until the steps are short. In
// the second task the labels then change.
func longTasks(d *Data) []Task {
	c := imageTask{name: "long", kind: "long", steps: 60_000, batch: 8, wrong: 20,
		architecture: architecture{hidden: []int{24}}}
	after := c
	after.name, after.steps, after.change = "long-change", 70_000, 60_000
	after.note = "each class is labelled as the next class from step 60,001 on"
	return []Task{c.task(d), after.task(d)}
}

// timeTasks returns some tasks of the suite.
func timeTasks(d *Data) []Task {
	names := []string{"fashion-0", "fashion-20", "mnist-40", "batch-4", "deep", "rnn",
		"regression-normal", "floor"}
	return slices.DeleteFunc(Suite(d), func(t Task) bool { return !slices.Contains(names, t.Name) })
}

// sizeTasks returns noisy linear regressions of up to 1,000 weights, and larger nets on images with
// wrong labels. The largest net makes few steps, since one of its steps takes as long as a thousand
// steps of the usual net.
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

// dtypeTasks returns some tasks of the suite in both dtypes.
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

// earlyTasks returns some tasks of the suite with few steps.
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

// batchTasks returns the same task for several batch sizes, with fewer steps for large batches.
func batchTasks(d *Data) []Task {
	var tasks []Task
	for batch := 1; batch <= 512; batch *= 2 {
		tasks = append(tasks, imageTask{name: fmt.Sprintf("batch-%d", batch), kind: batchSize,
			steps: min(8000, 128_000/batch), batch: batch, wrong: 20, architecture: usual}.task(d))
	}
	return tasks
}
