package stress

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"

	"github.com/l4-go/l4/internal/experiment/compare"
)

// Report summarizes the results of tasks and solvers.
type Report struct {
	tasks      []Task
	contenders []contender
	cells      [][]cell // by task, then contender
}

// contender is a solver with one kind of weights to evaluate.
type contender struct {
	solver   compare.Choice
	averaged bool
}

func (c contender) String() string {
	if c.averaged {
		return c.solver.Short() + ", averaged"
	}
	return c.solver.Short()
}

// cell is the result of a contender on a task.
type cell struct {
	values []float64 // the metric of each run
	failed int
	mean   float64 // of the metric: arithmetic for accuracies, geometric for errors
	// gap is the distance to the task's best Adam: in points of accuracy, or as the logarithm of
	// the ratio of the errors. A contender with a gap below 0 is ahead.
	gap float64
}

// leastError replaces smaller errors, because a geometric mean cannot include 0.
const leastError = 1e-12

// NewReport returns the report of results of tasks and solvers. It ignores results of other tasks
// and solvers, and results of tasks whose title has changed.
func NewReport(tasks []Task, solvers compare.Choices, results []Result) *Report {
	r := &Report{tasks: tasks}
	for _, s := range solvers {
		if weightsOf(s)&Last != 0 {
			r.contenders = append(r.contenders, contender{s, false})
		}
		if weightsOf(s)&Averaged != 0 {
			r.contenders = append(r.contenders, contender{s, true})
		}
	}
	type key struct{ task, title, solver string }
	runs := map[key][]Result{}
	for _, result := range results {
		k := key{result.Task, result.Title, result.Solver}
		runs[k] = append(runs[k], result)
	}
	for _, t := range tasks {
		of := func(c contender) []Result { return runs[key{t.Name, t.Title, nameOf(c.solver)}] }
		row := make([]cell, len(r.contenders))
		best := math.NaN()
		for i, c := range r.contenders {
			row[i] = newCell(t.Metric, of(c), c.averaged)
			isBetter := math.IsNaN(best) || t.Metric.Better(row[i].mean, best)
			if isBaseline(c.solver) && !c.averaged && len(row[i].values) > 0 && isBetter {
				best = row[i].mean
			}
		}
		for i, c := range r.contenders {
			row[i].compare(t.Metric, best, of(c), c.averaged)
		}
		r.cells = append(r.cells, row)
	}
	return r
}

// value returns the metric of a run. For a run that ended early it returns Untrained.
func (r Result) value(averaged bool) float64 {
	x := r.Metric
	if averaged {
		x = r.Average
	}
	if math.IsNaN(x) {
		return r.Untrained
	}
	return x
}

func newCell(m Metric, runs []Result, averaged bool) cell {
	var values []float64
	for _, r := range runs {
		values = append(values, r.value(averaged))
	}
	c := cell{values: slices.Clone(values), mean: math.NaN(), gap: math.NaN()}
	switch {
	case len(values) == 0:
	case m == Accuracy:
		c.mean = stat.Mean(values, nil)
	default:
		for i, x := range values {
			values[i] = max(x, leastError)
		}
		c.mean = stat.GeometricMean(values, nil)
	}
	return c
}

// compare sets the fields that depend on the best Adam. Without a best Adam a run fails only if it
// ended early.
func (c *cell) compare(m Metric, best float64, runs []Result, averaged bool) {
	c.gap = best - c.mean
	if m == Error {
		c.gap = math.Log(c.mean / best)
	}
	for _, r := range runs {
		half := (r.Untrained + best) / 2
		if r.Ended != "" || m.Better(half, r.value(averaged)) {
			c.failed++
		}
	}
}

// Summary returns a table with a row for each contender.
func (r *Report) Summary() [][]string {
	rows := [][]string{{"solver", "failed", "mean gap, points", "median gap, points",
		"ahead by gap", "median ratio of errors", "ahead by ratio"}}
	for i, c := range r.contenders {
		runs, failed := 0, 0
		gaps := map[Metric][]float64{}
		for k, t := range r.tasks {
			cell := r.cells[k][i]
			runs, failed = runs+len(cell.values), failed+cell.failed
			if !math.IsNaN(cell.gap) {
				gaps[t.Metric] = append(gaps[t.Metric], cell.gap)
			}
		}
		rows = append(rows, []string{c.String(), fmt.Sprintf("%d of %d", failed, runs),
			r.meanGap(i, gaps[Accuracy]), format("%.2f", median(gaps[Accuracy])),
			ahead(gaps[Accuracy]), format("%.3g", math.Exp(median(gaps[Error]))),
			ahead(gaps[Error])})
	}
	return rows
}

// meanGap returns the mean of a contender's gaps and its standard error over the seeds.
func (r *Report) meanGap(contender int, gaps []float64) string {
	var means []float64 // of the metric over the tasks, for each seed
	for seed := 0; ; seed++ {
		var values []float64
		for k, t := range r.tasks {
			if vs := r.cells[k][contender].values; t.Metric == Accuracy && seed < len(vs) {
				values = append(values, vs[seed])
			}
		}
		if len(values) < len(gaps) || len(values) == 0 {
			break
		}
		means = append(means, stat.Mean(values, nil))
	}
	text := format("%.2f", stat.Mean(gaps, nil))
	if n := float64(len(means)); n > 1 {
		text += fmt.Sprintf(" ± %.2f", stat.StdErr(stat.StdDev(means, nil), n))
	}
	return text
}

// Notes explains the numbers of the tables.
const Notes = `Failed: the number of runs that failed. A run fails if the loss, the weights or the
solver's own numbers cease to be finite, or if it makes less than half of the way from the untrained
model's metric to the best Adam's metric. A run that ended early counts as untrained.
Best Adam: Adam with the learning rate that has the best mean over the seeds on the task.
Gap: the best Adam's accuracy minus the solver's accuracy, both means over the seeds, in points. A
solver with a gap below 0 is ahead. ± is the standard error over the seeds.
Ratio: the solver's error divided by the best Adam's error, both geometric means over the seeds. A
solver with a ratio below 1 is ahead.
Ahead: the number of tasks on which the solver is ahead.
Averaged: the same runs, evaluated at the average of the weights with polynomial decay.
`

// Table returns a table of the means, with a row for each task. It has the number of failed runs
// where runs failed.
func (r *Report) Table() [][]string {
	header := []string{"task", "kind"}
	for _, c := range r.contenders {
		header = append(header, c.String())
	}
	rows := [][]string{header}
	for k, t := range r.tasks {
		row := []string{t.Name, t.Kind}
		for _, c := range r.cells[k] {
			text := format("%.4g", c.mean)
			if c.failed > 0 {
				text += fmt.Sprintf(" (%d failed)", c.failed)
			}
			row = append(row, text)
		}
		rows = append(rows, row)
	}
	return rows
}

// Titles returns a table with the title of each task.
func (r *Report) Titles() [][]string {
	rows := [][]string{{"task", "description"}}
	for _, t := range r.tasks {
		rows = append(rows, []string{t.Name, t.Title})
	}
	return rows
}

func median(xs []float64) float64 {
	if len(xs) == 0 {
		return math.NaN()
	}
	xs = slices.Sorted(slices.Values(xs))
	return (xs[(len(xs)-1)/2] + xs[len(xs)/2]) / 2
}

func ahead(gaps []float64) string {
	n := 0
	for _, gap := range gaps {
		if gap < 0 {
			n++
		}
	}
	return fmt.Sprintf("%d of %d", n, len(gaps))
}

func format(f string, x float64) string {
	if math.IsNaN(x) {
		return "-"
	}
	return fmt.Sprintf(f, x)
}
