package main

import (
	"fmt"
	"slices"
	"strings"

	"gonum.org/v1/gonum/stat"

	"github.com/l4-go/l4/internal/experiment/figure"
	"github.com/l4-go/l4/internal/experiment/train"
)

const dncEpoch = 100 // steps

// dnc is the experiment of the paper's section 3.4. Its net is DeepMind's, as is the clipping of
// the solvers but L4.
func dnc() experiment {
	return experiment{
		name:  "dnc",
		about: "Repeating a pattern, a differentiable neural computer (paper, section 3.4)",
		epoch: fmt.Sprint(dncEpoch, " steps, each on sequences of its own"),
		examples: `  demo dnc --solvers l4adam,l4adam-plain,adam-clipped:3e-3
  demo dnc --full --checkpoint run.ckpt              the paper's Fig. 6
  demo dnc --full --batch 8,16,32,64 --solvers l4adam-plain,l4mom-plain,rmsprop-clipped`,
		plain: scope{
			solvers: "l4adam,l4mom,l4adam-plain,l4mom-plain,rmsprop-clipped,adam-clipped",
			epochs:  20, restarts: 1,
		},
		full: &scope{
			solvers: "l4adam,l4mom,l4adam-plain,l4mom-plain,rmsprop-clipped,adam-clipped," +
				"momentum-clipped",
			epochs: 100, restarts: 5,
		},
		batches: []int{16}, dtype: "float64", gridStarts: 2,
		variants: dncVariants,
		unit:     "step", measures: []measure{meanLosses, learnRates},
		report: dncReport,
	}
}

// dncVariants returns a variant for each batch size.
func dncVariants(s settings) ([]variant, error) {
	var vs []variant
	for _, batch := range s.batches {
		v := variant{
			name: fmt.Sprint("batch ", batch), title: "Differentiable neural computer",
			epochs: s.epochs, epochSteps: dncEpoch,
			newTask: func(seed uint64) (train.Task, error) {
				return train.NewRepeatCopy(s.tensorDtype(), batch, seed)
			},
		}
		if len(s.batches) > 1 {
			v.title += fmt.Sprint(", batches of ", batch)
		}
		vs = append(vs, v)
	}
	return vs, nil
}

func dncReport(j *job) string {
	text := fmt.Sprintf("Mean training loss of the last %d steps, geometric mean over the starts, "+
		"beside the\nshare of 1,000 other sequences that the net then repeats without a wrong bit\n\n",
		dncEpoch)
	for _, v := range j.variants {
		steps := []int{1000, 2000, 5000, 10_000}
		if last := v.epochs * v.epochSteps; !slices.Contains(steps, last) {
			steps = append(steps, last)
		}
		text += v.title + "\n" + figure.Table(j.comparison(v, "step", "right", steps, dncCells)) +
			"\n" + j.shown(v)
	}
	return text
}

func dncCells(_ variant, _ solverSpec, _ int, rs []train.Record) (loss, right string) {
	losses := each(rs, meanLoss)
	if len(losses) == 0 {
		return "-", "-"
	}
	accuracies := each(rs, func(r train.Record) float64 { return 100 * r.Accuracy })
	return fmt.Sprintf("%.1e", stat.GeometricMean(losses, nil)), spread(accuracies, "%.1f", " %")
}

// shown returns what the nets of a variant do on an example, from the first start.
func (j *job) shown(v variant) string {
	text := ""
	for _, spec := range v.solvers {
		if rs := j.of(v, spec); len(rs) > 0 && rs[0].Shown != "" {
			text += fmt.Sprintf("%v\n  %s\n", spec,
				strings.ReplaceAll(strings.TrimSpace(rs[0].Shown), "\n", "\n  "))
		}
	}
	if text != "" {
		text = "What the nets say after the training:\n" + text + "\n"
	}
	return text
}
