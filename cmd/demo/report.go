package main

import (
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"gonum.org/v1/gonum/stat"

	"github.com/l4-go/l4/internal/figure"
)

// report prints the table of the runs and writes the figure and the CSV.
func report(w io.Writer, s settings, runs []result) error {
	if !slices.ContainsFunc(runs, func(r result) bool { return len(r.Records) > 0 }) {
		fmt.Fprintln(w, "\nNo epoch was finished, so there is nothing to write.")
		return nil
	}
	fmt.Fprintf(w, "\n%s\n", figure.Table(table(s, runs)))
	base := filepath.Join(s.out, s.experiment)
	if err := figure.WriteCSV(base+".csv", rows(runs)); err != nil {
		return err
	}
	panels := []figure.Panel{
		{Title: s.experiment + ": training loss", X: "epoch", Y: "mean loss of the epoch"},
		{Title: "effective learning rate", X: "epoch", Y: "geometric mean of the epoch"},
	}
	for _, spec := range s.solvers {
		loss, rate := curves(spec, runs)
		panels[0].Curves = append(panels[0].Curves, loss)
		panels[1].Curves = append(panels[1].Curves, rate)
	}
	for _, ext := range []string{".png", ".svg"} {
		if err := figure.Save(base+ext, panels...); err != nil {
			return err
		}
	}
	fmt.Fprintf(w, "Wrote %s.png, .svg and .csv.\n", base)
	return nil
}

// table has a row for each solver: means over its starts, with the standard deviation if there are several.
func table(s settings, runs []result) [][]string {
	rows := [][]string{{"solver", "epochs", "training loss", "test accuracy", "seconds", "in Step"}}
	for _, spec := range s.solvers {
		var losses, accuracies []float64
		var total, step time.Duration
		epochs, starts, early := 0, 0, 0
		for _, r := range runs {
			if r.Solver != spec {
				continue
			}
			starts++
			if r.Ended != "" {
				early++
			}
			if len(r.Records) == 0 {
				continue
			}
			last := r.Records[len(r.Records)-1]
			losses = append(losses, last.Loss)
			if !math.IsNaN(last.Accuracy) {
				accuracies = append(accuracies, 100*last.Accuracy)
			}
			epochs = max(epochs, last.Epoch)
			for _, e := range r.Records {
				total += e.Time
				step += e.StepTime
			}
		}
		if starts == 0 {
			continue
		}
		row := []string{spec.String(), strconv.Itoa(epochs), spread(losses, "%.3g", ""), spread(accuracies, "%.2f", " %"), "-", "-"}
		if total > 0 {
			row[4] = fmt.Sprintf("%.1f", total.Seconds()/float64(len(losses)))
			row[5] = fmt.Sprintf("%.1f %%", 100*step.Seconds()/total.Seconds())
		}
		if early > 0 {
			row[0] += fmt.Sprintf(" (%d of %d ended early)", early, starts)
		}
		rows = append(rows, row)
	}
	return rows
}

// spread is the mean and, of several numbers, the standard deviation.
func spread(xs []float64, format, unit string) string {
	switch len(xs) {
	case 0:
		return "-"
	case 1:
		return fmt.Sprintf(format, xs[0]) + unit
	}
	mean, std := stat.MeanStdDev(xs, nil)
	return fmt.Sprintf(format+" ± "+format, mean, std) + unit
}

// curves are the geometric means over a solver's starts, with a band from the smallest to the largest.
func curves(spec solverSpec, runs []result) (loss, rate figure.Curve) {
	loss.Name, rate.Name = spec.String(), spec.String()
	for epoch := 0; ; epoch++ {
		var losses, rates []float64
		for _, r := range runs {
			if r.Solver == spec && epoch < len(r.Records) {
				losses = append(losses, r.Records[epoch].Loss)
				rates = append(rates, r.Records[epoch].LearnRate)
			}
		}
		if len(losses) == 0 {
			return loss, rate
		}
		extend(&loss, epoch+1, losses)
		extend(&rate, epoch+1, rates)
	}
}

func extend(c *figure.Curve, epoch int, values []float64) {
	low, up := math.Inf(1), 0.0
	for _, v := range values {
		low, up = min(low, v), max(up, v)
	}
	c.X = append(c.X, float64(epoch))
	c.Y = append(c.Y, stat.GeometricMean(values, nil))
	if len(values) > 1 || c.Low != nil {
		c.Low, c.Up = append(c.Low, low), append(c.Up, up)
	}
}

// rows are the records as CSV.
func rows(runs []result) [][]string {
	number := func(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
	rows := [][]string{{"solver", "value", "seed", "epoch", "loss", "learn_rate", "test_accuracy", "seconds", "step_seconds"}}
	for _, r := range runs {
		for _, e := range r.Records {
			accuracy := ""
			if !math.IsNaN(e.Accuracy) {
				accuracy = number(e.Accuracy)
			}
			rows = append(rows, []string{r.Solver.Kind, number(r.Solver.Value), strconv.FormatUint(r.Seed, 10), strconv.Itoa(e.Epoch),
				number(e.Loss), number(e.LearnRate), accuracy, number(e.Time.Seconds()), number(e.StepTime.Seconds())})
		}
	}
	return rows
}
