package compare

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"gonum.org/v1/gonum/stat"

	"github.com/l4-go/l4/internal/experiment/figure"
)

// Summary returns the title of each task and a table with a row for each solver: means over the
// seeds and, for several seeds, standard deviations. The table has times only if Jobs is 1, because
// runs at the same time slow each other down.
func (c *Comparison) Summary(tasks ...Task) string {
	text := ""
	for _, t := range tasks {
		text += t.Title + "\n" + figure.Table(c.summary(t)) + "\n"
	}
	return text
}

func (c *Comparison) summary(t Task) [][]string {
	rows := [][]string{{"solver", "epochs", "training loss", "test accuracy"}}
	if c.Jobs == 1 {
		rows[0] = append(rows[0], "seconds", "time in Step")
	}
	for _, s := range t.Solvers {
		var losses, accuracies []float64
		var total, step time.Duration
		epochs := 0
		for _, r := range c.Results(t, s) {
			for _, e := range r.Epochs {
				total += e.Time
				step += e.StepTime
			}
			if n := len(r.Epochs); n > 0 {
				losses = append(losses, r.Epochs[n-1].Loss)
				accuracies = append(accuracies, 100*r.Epochs[n-1].Metric)
				epochs = max(epochs, n)
			}
		}
		row := []string{
			c.title(t, s), strconv.Itoa(epochs),
			Spread(losses, "%.3g", ""), Spread(accuracies, "%.2f", " %"),
		}
		switch {
		case c.Jobs > 1:
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

// title returns the title of a solver and, if there are any, the number of runs that ended early.
func (c *Comparison) title(t Task, s Choice) string {
	early, results := 0, c.Results(t, s)
	for _, r := range results {
		if r.Ended != "" {
			early++
		}
	}
	if early == 0 {
		return s.String()
	}
	return fmt.Sprintf("%v (%d of %d ended early)", s, early, len(results))
}

// Unit is the unit of the x-axis of a figure.
type Unit string

// The units.
const (
	Epochs Unit = "epoch"
	Steps  Unit = "step"
)

// per returns the number of units in an epoch of a task.
func (u Unit) per(t Task) int {
	if u == Steps {
		return t.EpochSteps
	}
	return 1
}

// Cells returns the result of a solver's runs at a point, which is a number of units, and the
// reference result. epochs has the epoch of each run that ends at the point.
type Cells func(t Task, s Choice, point int, epochs []Epoch) (ours, theirs string)

// Beside returns a table with a row for each solver on a task. A row has the two cells of each
// point. other is the heading of the reference results.
func (c *Comparison) Beside(t Task, unit Unit, other string, points []int, cells Cells) string {
	rows := [][]string{{"solver"}}
	for _, s := range t.Solvers {
		row := []string{c.title(t, s)}
		for _, point := range points {
			epoch := point / unit.per(t)
			if epoch > t.Epochs {
				continue
			}
			if len(rows) == 1 {
				rows[0] = append(rows[0], fmt.Sprint(unit, " ", point), other)
			}
			ours, theirs := cells(t, s, point, c.epochs(t, s, epoch))
			row = append(row, ours, theirs)
		}
		rows = append(rows, row)
	}
	return figure.Table(rows)
}

// epochs returns the epoch with the given number of each run that completed it.
func (c *Comparison) epochs(t Task, s Choice, number int) []Epoch {
	var epochs []Epoch
	for _, r := range c.Results(t, s) {
		if number <= len(r.Epochs) {
			epochs = append(epochs, r.Epochs[number-1])
		}
	}
	return epochs
}

// Spread returns the mean and, for several numbers, the standard deviation. It ignores NaN.
func Spread(xs []float64, format, unit string) string {
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

// Measure is a quantity of epochs that a panel of a figure shows.
type Measure struct {
	Name   string
	Linear bool // whether the y-axis is linear
	Of     func(Epoch) float64
}

// The measures.
var (
	MeanLosses = Measure{"training loss", false, func(e Epoch) float64 { return e.Loss }}
	LastLosses = Measure{"training loss", false, func(e Epoch) float64 { return e.LastLoss }}
	LearnRates = Measure{"effective learning rate", false,
		func(e Epoch) float64 { return e.LearnRate }}
	Accuracies = Measure{"test accuracy", true, func(e Epoch) float64 { return e.Metric }}
)

// Each returns the value of the measure for each epoch.
func (m Measure) Each(epochs []Epoch) []float64 {
	var xs []float64
	for _, e := range epochs {
		xs = append(xs, m.Of(e))
	}
	return xs
}

// Panels returns a row of panels for each task. A row has a panel for each measure.
func (c *Comparison) Panels(unit Unit, measures ...Measure) [][]figure.Panel {
	var rows [][]figure.Panel
	for _, t := range c.Tasks {
		var row []figure.Panel
		for _, m := range measures {
			panel := figure.Panel{Title: t.Title, X: string(unit), Y: m.Name, Linear: m.Linear}
			for _, s := range t.Solvers {
				panel.Curves = append(panel.Curves, c.curve(t, s, unit, m))
			}
			row = append(row, panel)
		}
		rows = append(rows, row)
	}
	return rows
}

// curve returns the mean over a solver's seeds, which is geometric for a logarithmic axis, and a
// band from the smallest to the largest value.
func (c *Comparison) curve(t Task, s Choice, unit Unit, m Measure) figure.Curve {
	mean := stat.GeometricMean
	if m.Linear {
		mean = stat.Mean
	}
	curve := figure.Curve{Name: s.String(), Color: s.Solver().Color}
	for number := 1; number <= t.Epochs; number++ {
		values := m.Each(c.epochs(t, s, number))
		if len(values) == 0 {
			break
		}
		curve.X = append(curve.X, float64(number*unit.per(t)))
		curve.Y = append(curve.Y, mean(values, nil))
		if len(c.Seeds) > 1 {
			curve.Low = append(curve.Low, slices.Min(values))
			curve.Up = append(curve.Up, slices.Max(values))
		}
	}
	return curve
}
