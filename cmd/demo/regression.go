package main

import (
	"fmt"
	"slices"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"github.com/l4-go/l4/internal/experiment/compare"
	"github.com/l4-go/l4/internal/experiment/paper"
)

const regressionEpoch = 100 // steps

// regression is the experiment of the paper's section 3.1.
func regression() experiment {
	return experiment{
		name:     "regression",
		about:    "Train a badly conditioned linear net of 96 weights (paper, section 3.1)",
		epoch:    fmt.Sprint(regressionEpoch, " steps, each on all samples"),
		examples: "  demo regression    the paper's Fig. 2, on two matrices",
		plain: scope{
			solvers:     "l4adam:0.15,l4adam:0.25,l4mom:0.15,l4mom:0.25,adam:1e-3,sgd:4e-5",
			gridSolvers: "momentum:4e-6", epochs: 300, seeds: 5,
		},
		dtype: "float64", gridSeeds: 5, tasks: []string{paper.Notebook, paper.LogSpaced},
		newTasks: func(s settings) ([]compare.Task, error) {
			return []compare.Task{
				regressionTask(s, paper.Notebook, "Matrix of the paper's notebook",
					paper.NotebookMatrix()),
				regressionTask(s, paper.LogSpaced, "Log-spaced singular values",
					paper.LogSpacedMatrix()),
			}, nil
		},
		unit:     compare.Steps,
		measures: []compare.Measure{compare.LastLosses, compare.LearnRates},
		report:   regressionReport,
	}
}

func regressionTask(s settings, name, title string, matrix *mat.Dense) compare.Task {
	return compare.Task{
		Name: name, Title: fmt.Sprintf("%s, condition number %.2g", title, mat.Cond(matrix, 2)),
		Epochs: s.epochs, EpochSteps: regressionEpoch,
		Start: func(seed uint64) (compare.Training, error) {
			return paper.NewRegression(s.tensorDtype(), matrix, seed)
		},
	}
}

func regressionReport(s settings, c *compare.Comparison) string {
	steps := []int{10_000, 30_000}
	if last := s.epochs * regressionEpoch; !slices.Contains(steps, last) {
		steps = append(steps, last)
	}
	text := "Loss of single steps: smallest / geometric mean / largest over the seeds, beside " +
		"the losses of\nreference implementations in float64. Near its floor the loss rises and " +
		"falls from step to step.\n\n"
	for _, t := range c.Tasks {
		text += t.Title + "\n" + c.Beside(t, compare.Steps, "reference", steps, paperSpread) + "\n"
	}
	return text
}

func paperSpread(
	t compare.Task, s compare.Choice, step int, epochs []compare.Epoch,
) (ours, theirs string) {
	ours, theirs = "-", "-"
	if losses := compare.LastLosses.Each(epochs); len(losses) > 0 {
		ours = fmt.Sprintf("%.0e / %.0e / %.0e", slices.Min(losses),
			stat.GeometricMean(losses, nil), slices.Max(losses))
	}
	switch seen := paper.Figure2[t.Name][paper.SettingOf(s)][step]; {
	case seen.Max > 0:
		theirs = fmt.Sprintf("%.0e / %.0e / %.0e", seen.Min, seen.Middle, seen.Max)
	case seen.Middle > 0:
		theirs = fmt.Sprintf("%.0e", seen.Middle)
	}
	return ours, theirs
}
