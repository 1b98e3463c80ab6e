package main

import (
	"context"
	"fmt"
	"image/color"
	"io"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"
	"gorgonia.org/gorgonia"

	"github.com/l4-go/l4"
	"github.com/l4-go/l4/internal/experiment/compare"
	"github.com/l4-go/l4/internal/experiment/figure"
	"github.com/l4-go/l4/internal/experiment/stress"
)

// boundCommand returns the command that draws the effect of the bound on single runs.
func boundCommand() *cobra.Command {
	s := new(settings)
	c := &cobra.Command{
		Use: "bound", Args: cobra.NoArgs,
		Short: "Draw how L4's bound limits the steps of a noisy run and of a clean run",
		Long: "Train a small net on Fashion-MNIST with 20 % wrong labels and on MNIST with the " +
			"right labels, each\nwith L4Adam, with L4Adam without its bound, and with Adam. Draw " +
			"the training losses and, for\nL4Adam, the reach (the largest distance of the " +
			"weights from their start), the length of the path\nof the weights, and the lengths " +
			"of the steps with their limit. The figure is bound-runs.png.\nCtrl-C stops the " +
			"training, and no figure is drawn.",
		RunE: func(c *cobra.Command, _ []string) error {
			return drawBound(c.Context(), *s, c.OutOrStdout())
		},
	}
	c.Flags().Uint64Var(&s.seed, "seed", 1,
		"seed, a `number` that determines the initial weights, the wrong labels and the order of "+
			"the images")
	c.Flags().StringVar(&s.data, "data", "", "`folder` with "+stressDataHelp)
	c.Flags().StringVar(&s.out, "out", "out",
		"`folder` to write the figure to; created if it does not exist")
	return c
}

// boundTasks are the tasks of the figure's columns.
var boundTasks = []struct{ name, title string }{
	{"fashion-20", "Fashion-MNIST, 20 % wrong labels"},
	{"mnist-0", "MNIST, right labels"},
}

// drawBound makes the runs and draws the figure.
func drawBound(ctx context.Context, s settings, w io.Writer) error {
	path := filepath.Join(filepath.Clean(s.out), "bound-runs.png")
	release, err := s.openOut("bound-runs", path)
	if err != nil {
		return err
	}
	defer release()
	suite := stress.Suite(stressData(s.data, w))
	rows := make([][]figure.Panel, 3)
	for _, b := range boundTasks {
		named := func(t stress.Task) bool { return t.Name == b.name }
		task := suite[slices.IndexFunc(suite, named)]
		loss := figure.Panel{Title: b.title, X: "step", Y: "training loss"}
		way := figure.Panel{X: "step", Y: "reach and path"}
		length := figure.Panel{X: "step", Y: "length of a step"}
		for _, name := range []string{"l4adam", "l4adam-plain", "adam"} {
			c := compare.MustParseChoices(name)[0]
			fmt.Fprintf(w, "%s: training with %s\n", b.title, c.Short())
			r, err := traceRun(ctx, task, c, s.seed)
			if err != nil {
				return failure{err}
			}
			loss.Curves = append(loss.Curves, r.curve(c.Short(), r.loss))
			if name != "adam" {
				way.Curves = append(way.Curves, r.curve(c.Short()+", reach", r.reach),
					r.curve(c.Short()+", path", r.path))
				length.Curves = append(length.Curves, r.curve(c.Short(), r.length))
			}
			if name == "l4adam" {
				length.Curves = append(length.Curves, r.curve(c.Short()+", limit", r.limit))
			}
		}
		for i, p := range []figure.Panel{loss, way, length} {
			rows[i] = append(rows[i], p)
		}
	}
	if err := figure.Save(path, rows...); err != nil {
		return failure{err}
	}
	fmt.Fprintf(w, "Wrote %s.\n", path)
	return nil
}

// boundEvery is the number of steps that a point of the figure averages.
const boundEvery = 20

// boundLost is the loss above which curves end. Without the bound the loss reaches 1e28 and more,
// and an axis up to there would hide everything else.
const boundLost = 10

// boundRun is a run as curves. Each point is a mean over boundEvery steps; the reach and the path
// are the values of the last of these steps.
type boundRun struct {
	color                            color.NRGBA
	steps                            []float64
	loss, length, limit, reach, path []float64
}

func traceRun(
	ctx context.Context, task stress.Task, c compare.Choice, seed uint64,
) (*boundRun, error) {
	r := &boundRun{color: c.Solver().Color}
	var last l4.Info
	record := l4.WithRecorder(func(i l4.Info) { last = i })
	var solver gorgonia.Solver
	switch c.Name {
	case "l4adam":
		solver = l4.NewL4Adam(nil, record)
	case "l4adam-plain": // WithoutBound measures no lengths, but a bound too wide to act does
		solver = l4.NewL4Adam(nil, record, l4.WithBound(1e30), l4.WithEpsilon(1e-12),
			l4.WithAdamEpsilon(1e-4))
	default:
		solver = c.New()
	}
	lost := false
	var meanLoss, length, limit float64
	err := task.Trace(ctx, solver, seed, func(step int, loss float64) {
		if lost = lost || loss > boundLost; lost {
			return
		}
		meanLoss += loss / boundEvery
		length += last.Length / boundEvery
		limit += last.Limit / boundEvery
		if step%boundEvery == 0 {
			r.steps = append(r.steps, float64(step))
			r.loss = append(r.loss, meanLoss)
			r.length, r.limit = append(r.length, length), append(r.limit, limit)
			r.reach, r.path = append(r.reach, last.Reach), append(r.path, last.Path)
			meanLoss, length, limit = 0, 0, 0
		}
	})
	return r, err
}

func (r *boundRun) curve(name string, y []float64) figure.Curve {
	return figure.Curve{Name: name, Color: r.color, X: r.steps, Y: y}
}
