package stress

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
)

// Report sums up results.
type Report struct {
	tasks      []Task
	contenders []contender
	cells      [][]cell // by task, then contender
}

// contender is a solver with the weights that are evaluated.
type contender struct {
	solver   Solver
	averaged bool
}

func (c contender) String() string {
	if c.averaged {
		return c.solver.Title + ", averaged"
	}
	return c.solver.Title
}

// cell is what a contender reached on a task.
type cell struct {
	runs, failed int
	mean         float64 // of the metric: arithmetic for accuracies, geometric for errors
	gap          float64 // behind the task's best Adam: in points of accuracy, or the logarithm of the errors' ratio
}

// leastError is the smallest error that counts, since a geometric mean can have no 0.
const leastError = 1e-12

// NewReport sums up results of tasks and solvers; those of others, and of tasks that have changed,
// are left out.
func NewReport(tasks []Task, solvers []Solver, results []Result) *Report {
	r := &Report{tasks: tasks}
	for _, s := range solvers {
		for _, averaged := range []bool{false, true} {
			if s.Weights&weightsOf(averaged) != 0 {
				r.contenders = append(r.contenders, contender{s, averaged})
			}
		}
	}
	type key struct{ task, title, solver string }
	runs := map[key][]Result{}
	for _, result := range results {
		k := key{result.Task, result.Title, result.Solver}
		runs[k] = append(runs[k], result)
	}
	for _, t := range tasks {
		row := make([]cell, len(r.contenders))
		best := math.NaN()
		for i, c := range r.contenders {
			row[i] = newCell(t.Metric, runs[key{t.Name, t.Title, c.solver.Name}], c.averaged)
			isBetter := math.IsNaN(best) || t.Metric.Better(row[i].mean, best)
			if c.solver.Rate && !c.averaged && row[i].runs > 0 && isBetter {
				best = row[i].mean
			}
		}
		for i, c := range r.contenders {
			row[i].compare(t.Metric, best, runs[key{t.Name, t.Title, c.solver.Name}], c.averaged)
		}
		r.cells = append(r.cells, row)
	}
	return r
}

func weightsOf(averaged bool) Weights {
	if averaged {
		return Averaged
	}
	return Last
}

// value returns the metric of a run. A run that broke off is worth as much as none.
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
	c := cell{runs: len(runs), mean: math.NaN(), gap: math.NaN()}
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

// compare fills in what depends on the best Adam. Where there is none, a run fails if it breaks
// off.
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
	rows := [][]string{{"", "failed", "mean gap, points", "median gap", "ahead",
		"median ratio of errors", "ahead"}}
	for i, c := range r.contenders {
		runs, failed := 0, 0
		gaps := map[Metric][]float64{}
		for k, t := range r.tasks {
			cell := r.cells[k][i]
			runs, failed = runs+cell.runs, failed+cell.failed
			if !math.IsNaN(cell.gap) {
				gaps[t.Metric] = append(gaps[t.Metric], cell.gap)
			}
		}
		rows = append(rows, []string{c.String(), fmt.Sprintf("%d of %d", failed, runs),
			number2(stat.Mean(gaps[Accuracy], nil)), number2(median(gaps[Accuracy])),
			ahead(gaps[Accuracy]), format("%.3g", math.Exp(median(gaps[Error]))), ahead(gaps[Error])})
	}
	return rows
}

// Notes tells what the tables' numbers are.
const Notes = `Failed: the loss, the weights or the solver's own numbers ceased to be finite, or the run made less
than half of the way from the untrained model's metric to the best Adam's. A run that broke off counts as untrained.
Gap: how far the mean accuracy over the seeds, in points, is behind the one of the best Adam, which is the best of
the rates that were tried for each task by the mean over the seeds; below 0 is ahead. Ratio: the geometric mean of
the error over the one of the best Adam; below 1 is ahead. Ahead: on how many tasks.
Averaged: the average of the weights with polynomial decay is evaluated, of the same runs.
`

// Table returns a table of the means, with a row for each task. Where runs failed it says how many.
func (r *Report) Table() [][]string {
	header := []string{"task", "kind"}
	for _, c := range r.contenders {
		header = append(header, c.String())
	}
	rows := [][]string{header}
	for k, t := range r.tasks {
		row := []string{t.Name, t.Kind}
		for _, c := range r.cells[k] {
			text := number3(c.mean)
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
	rows := [][]string{{"task", "what it is"}}
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

func number2(x float64) string { return format("%.2f", x) }
func number3(x float64) string { return format("%.4g", x) }

func format(f string, x float64) string {
	if math.IsNaN(x) {
		return "-"
	}
	return fmt.Sprintf(f, x)
}
