package main

import (
	"fmt"
	"slices"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"github.com/l4-go/l4/internal/experiment/figure"
	"github.com/l4-go/l4/internal/experiment/paper"
	"github.com/l4-go/l4/internal/experiment/train"
)

const regressionEpoch = 100 // steps

// regression is the experiment of the paper's section 3.1. Its Adam has the epsilon of the others,
// 1e-4, which is negligible beside the gradients of this loss.
func regression() experiment {
	return experiment{
		name:     "regression",
		about:    "A badly conditioned linear net of 96 weights (paper, section 3.1)",
		epoch:    fmt.Sprint(regressionEpoch, " steps on all samples"),
		examples: "  demo regression    the paper's Fig. 2, on two matrices",
		plain: scope{
			solvers:     "l4adam:0.15,l4adam:0.25,l4mom:0.15,l4mom:0.25,adam:1e-3,sgd:4e-5",
			gridSolvers: "momentum:4e-6", epochs: 300, restarts: 5,
		},
		dtype: "float64", gridStarts: 5, tasks: []string{paper.Notebook, paper.LogSpaced},
		variants: func(s settings) ([]variant, error) {
			return []variant{
				regressionVariant(s, paper.Notebook, "Matrix of the paper's notebook",
					train.NotebookMatrix()),
				regressionVariant(s, paper.LogSpaced, "Log-spaced singular values",
					train.LogSpacedMatrix()),
			}, nil
		},
		unit: "step", measures: []measure{lastLosses, learnRates},
		report: regressionReport,
	}
}

func regressionVariant(s settings, name, title string, matrix *mat.Dense) variant {
	return variant{
		name: name, title: fmt.Sprintf("%s, condition number %.2g", title, mat.Cond(matrix, 2)),
		epochs: s.epochs, epochSteps: regressionEpoch,
		newTask: func(seed uint64) (train.Task, error) {
			return train.Regression(s.tensorDtype(), matrix, seed)
		},
	}
}

func regressionReport(j *job) string {
	steps := []int{10_000, 30_000}
	if last := j.epochs * regressionEpoch; !slices.Contains(steps, last) {
		steps = append(steps, last)
	}
	text := "Loss of single steps: smallest / geometric mean / largest over the starts, beside\n" +
		"losses of reference implementations in float64. Near the floor it goes up and down\n" +
		"from step to step.\n\n"
	for _, v := range j.variants {
		rows := j.comparison(v, "step", "reference", steps, paperSpread)
		text += v.title + "\n" + figure.Table(rows) + "\n"
	}
	return text
}

func lastLoss(r train.Record) float64 { return r.LastLoss }

func paperSpread(v variant, spec solverSpec, step int, rs []train.Record) (ours, theirs string) {
	ours, theirs = "-", "-"
	if losses := each(rs, lastLoss); len(losses) > 0 {
		ours = fmt.Sprintf("%.0e / %.0e / %.0e", slices.Min(losses),
			stat.GeometricMean(losses, nil), slices.Max(losses))
	}
	switch seen := paper.Regression[v.name][paper.SettingOf(spec.Kind, spec.Value)][step]; {
	case seen.Max > 0:
		theirs = fmt.Sprintf("%.0e / %.0e / %.0e", seen.Min, seen.Middle, seen.Max)
	case seen.Middle > 0:
		theirs = fmt.Sprintf("%.0e", seen.Middle)
	}
	return ours, theirs
}
