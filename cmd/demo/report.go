package main

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"gonum.org/v1/gonum/stat"

	"github.com/l4-go/l4/internal/experiment/figure"
	"github.com/l4-go/l4/internal/experiment/train"
)

// report prints the results and writes them to the CSV, first of all, and to the figures. What
// cannot be written does not keep it from the rest.
func (j *job) report(w io.Writer) error {
	if !slices.ContainsFunc(j.runs, func(id runID) bool { return len(j.results[id].Records) > 0 }) {
		fmt.Fprintln(w, "\nNo epoch was finished, so there is nothing to write.")
		return nil
	}
	files := j.files()
	err := figure.WriteCSV(files[0], j.csv())
	fmt.Fprintf(w, "\n%s%s", j.gridReport(), j.experiment.report(j))
	for _, path := range files[1:] {
		err = cmp.Or(err, figure.Save(path, j.panels()...))
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "Wrote %s.\n", strings.Join(files, ", "))
	return nil
}

// files returns the paths of what the job writes: the CSV and then the figures.
func (j *job) files() []string {
	base := filepath.Join(j.out, j.experiment.name)
	return []string{base + ".csv", base + ".png", base + ".svg"}
}

// summary returns a row for each solver on a variant: means over its starts, with the standard
// deviation if there are several. It has times if runs went one at a time, since they mean nothing
// otherwise.
func (j *job) summary(v variant) [][]string {
	rows := [][]string{{"solver", "epochs", "training loss", "test accuracy"}}
	if j.jobs == 1 {
		rows[0] = append(rows[0], "seconds", "in Step")
	}
	for _, spec := range v.solvers {
		var losses, accuracies []float64
		var total, step time.Duration
		epochs := 0
		for _, r := range j.of(v, spec) {
			for _, e := range r.Records {
				total += e.Time
				step += e.StepTime
			}
			if n := len(r.Records); n > 0 {
				losses = append(losses, r.Records[n-1].Loss)
				accuracies = append(accuracies, 100*r.Records[n-1].Accuracy)
				epochs = max(epochs, n)
			}
		}
		row := []string{
			j.title(v, spec), strconv.Itoa(epochs),
			spread(losses, "%.3g", ""), spread(accuracies, "%.2f", " %"),
		}
		switch {
		case j.jobs > 1:
		case total > 0:
			row = append(row, fmt.Sprintf("%.1f", total.Seconds()/float64(len(losses))),
				fmt.Sprintf("%.1f %%", 100*step.Seconds()/total.Seconds()))
		default:
			row = append(row, "-", "-")
		}
		rows = append(rows, row)
	}
	return rows
}

// title returns the name of a solver, and the number of its runs that ended early if there are any.
func (j *job) title(v variant, spec solverSpec) string {
	early, rs := 0, j.of(v, spec)
	for _, r := range rs {
		if r.Ended != "" {
			early++
		}
	}
	if early == 0 {
		return spec.String()
	}
	return fmt.Sprintf("%v (%d of %d ended early)", spec, early, len(rs))
}

// cells returns what a solver's runs came to at an epoch or step, and what to compare that with.
type cells func(v variant, spec solverSpec, point int, records []train.Record) (ours, theirs string)

// comparison returns a row for each solver on a variant, and in it the two cells of each of some
// points: epochs or steps, as unit says. other is the heading of what ours is compared with.
func (j *job) comparison(v variant, unit, other string, points []int, cells cells) [][]string {
	rows := [][]string{{"solver"}}
	for _, spec := range v.solvers {
		row := []string{j.title(v, spec)}
		for _, point := range points {
			epoch := point / v.per(unit)
			if epoch > v.epochs {
				continue
			}
			if len(rows) == 1 {
				rows[0] = append(rows[0], fmt.Sprint(unit, " ", point), other)
			}
			ours, theirs := cells(v, spec, point, recordsOf(j.of(v, spec), epoch))
			row = append(row, ours, theirs)
		}
		rows = append(rows, row)
	}
	return rows
}

// per returns the number of units, steps or epochs, in an epoch.
func (v variant) per(unit string) int {
	if unit == "step" {
		return v.epochSteps
	}
	return 1
}

// recordsOf returns the records of an epoch from the runs that reached it.
func recordsOf(rs []result, epoch int) []train.Record {
	var records []train.Record
	for _, r := range rs {
		if epoch <= len(r.Records) {
			records = append(records, r.Records[epoch-1])
		}
	}
	return records
}

func each(records []train.Record, value func(train.Record) float64) []float64 {
	var xs []float64
	for _, r := range records {
		xs = append(xs, value(r))
	}
	return xs
}

// spread returns the mean and, of several numbers, the standard deviation. NaN stands for no
// number.
func spread(xs []float64, format, unit string) string {
	xs = slices.DeleteFunc(slices.Clone(xs), math.IsNaN)
	switch len(xs) {
	case 0:
		return "-"
	case 1:
		return fmt.Sprintf(format, xs[0]) + unit
	}
	mean, std := stat.MeanStdDev(xs, nil)
	return fmt.Sprintf(format+" ± "+format, mean, std) + unit
}

// measure is what a panel shows of the records.
type measure struct {
	y      string
	linear bool // the axis
	of     func(train.Record) float64
}

var (
	meanLosses = measure{"training loss", false, meanLoss}
	lastLosses = measure{"training loss", false, lastLoss}
	learnRates = measure{"effective learning rate", false,
		func(r train.Record) float64 { return r.LearnRate }}
	accuracies = measure{"test accuracy", true, func(r train.Record) float64 { return r.Accuracy }}
)

// panels returns a row for each variant, with a panel for each of the experiment's measures.
func (j *job) panels() [][]figure.Panel {
	var rows [][]figure.Panel
	for _, v := range j.variants {
		var row []figure.Panel
		for _, m := range j.experiment.measures {
			panel := figure.Panel{
				Title: v.title, X: j.experiment.unit, Y: m.y, Linear: m.linear,
			}
			for _, spec := range v.solvers {
				panel.Curves = append(panel.Curves, j.curve(v, spec, m))
			}
			row = append(row, panel)
		}
		rows = append(rows, row)
	}
	return rows
}

// curve returns the mean over a solver's starts, the geometric one for a logarithmic axis, with a
// band from the smallest to the largest.
func (j *job) curve(v variant, spec solverSpec, m measure) figure.Curve {
	mean := stat.GeometricMean
	if m.linear {
		mean = stat.Mean
	}
	c := figure.Curve{Name: spec.String(), Color: spec.kind().Color}
	for epoch := 1; epoch <= v.epochs; epoch++ {
		values := each(recordsOf(j.of(v, spec), epoch), m.of)
		if len(values) == 0 {
			break
		}
		c.X = append(c.X, float64(epoch*v.per(j.experiment.unit)))
		c.Y = append(c.Y, mean(values, nil))
		if j.restarts > 1 {
			c.Low, c.Up = append(c.Low, slices.Min(values)), append(c.Up, slices.Max(values))
		}
	}
	return c
}

// columns are those of the CSV file. There is no accuracy without test data.
var columns = []string{
	"variant", "solver", "value", "seed", "epoch", "loss", "last_loss", "learn_rate",
	"test_accuracy", "seconds", "step_seconds", "step", "title",
}

// csv returns the records of all runs.
func (j *job) csv() [][]string {
	number := func(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
	rows := [][]string{columns}
	for _, id := range j.runs {
		v := j.variant(id)
		for _, e := range j.results[id].Records {
			accuracy := ""
			if !math.IsNaN(e.Accuracy) {
				accuracy = number(e.Accuracy)
			}
			rows = append(rows, []string{
				id.Variant, id.Solver.Kind, number(id.Solver.Value),
				strconv.FormatUint(id.Seed, 10), strconv.Itoa(e.Epoch),
				number(e.Loss), number(e.LastLoss), number(e.LearnRate), accuracy,
				number(e.Time.Seconds()), number(e.StepTime.Seconds()),
				strconv.Itoa(e.Epoch * v.epochSteps), v.title,
			})
		}
	}
	return rows
}
