package main

import (
	"fmt"
	"slices"
	"strings"

	"gonum.org/v1/gonum/stat"

	"github.com/l4-go/l4/internal/experiment/compare"
	"github.com/l4-go/l4/internal/experiment/paper"
)

const dncEpoch = 100 // steps

// dnc is the experiment of the paper's section 3.4. It uses DeepMind's net, and DeepMind's gradient
// clipping for all solvers except L4.
func dnc() experiment {
	return experiment{
		name:  "dnc",
		about: "Train a differentiable neural computer to repeat a pattern (paper, section 3.4)",
		epoch: fmt.Sprint(dncEpoch, " steps, each on new sequences"),
		examples: `  demo dnc --solvers l4adam,l4adam-plain,adam-clipped:3e-3
  demo dnc --full --checkpoint run.ckpt              the paper's Fig. 6
  demo dnc --full --batch 8,16,32,64 --solvers l4adam-plain,l4mom-plain,rmsprop-clipped`,
		plain: scope{
			solvers: "l4adam,l4mom,l4adam-plain,l4mom-plain,rmsprop-clipped,adam-clipped",
			epochs:  20, seeds: 1,
		},
		full: &scope{
			solvers: "l4adam,l4mom,l4adam-plain,l4mom-plain,rmsprop-clipped,adam-clipped," +
				"momentum-clipped",
			epochs: 100, seeds: 5,
		},
		batches: []int{16}, dtype: "float64", gridSeeds: 2,
		newTasks: dncTasks,
		unit:     compare.Steps,
		measures: []compare.Measure{compare.MeanLosses, compare.LearnRates},
		report:   dncReport,
	}
}

func dncTasks(s settings) ([]compare.Task, error) {
	epochSteps := func(int) int { return dncEpoch }
	start := func(batch int, seed uint64) (compare.Training, error) {
		return paper.NewRepeatCopy(s.tensorDtype(), batch, seed)
	}
	return tasksByBatch(s, "Differentiable neural computer", epochSteps, start), nil
}

func dncReport(_ settings, c *compare.Comparison) string {
	text := fmt.Sprintf("Mean training loss of the last %d steps, as a geometric mean over the "+
		"seeds. Right: the share of\n1,000 test sequences that the net repeats without a wrong "+
		"bit, as a mean over the seeds.\n\n", dncEpoch)
	for _, t := range c.Tasks {
		steps := []int{1000, 2000, 5000, 10_000}
		if last := t.Epochs * t.EpochSteps; !slices.Contains(steps, last) {
			steps = append(steps, last)
		}
		text += t.Title + "\n" + c.Beside(t, compare.Steps, "right", steps, dncCells) + "\n" +
			shown(c, t)
	}
	return text
}

func dncCells(
	_ compare.Task, _ compare.Choice, _ int, epochs []compare.Epoch,
) (loss, right string) {
	losses := compare.MeanLosses.Each(epochs)
	if len(losses) == 0 {
		return "-", "-"
	}
	return fmt.Sprintf("%.1e", stat.GeometricMean(losses, nil)), percent(epochs, "%.1f", " %")
}

// shown returns the answer of each solver's net to an example, for the first seed.
func shown(c *compare.Comparison, t compare.Task) string {
	text := ""
	for _, s := range t.Solvers {
		if results := c.Results(t, s); len(results) > 0 && results[0].Shown != "" {
			text += fmt.Sprintf("%v\n  %s\n", s,
				strings.ReplaceAll(strings.TrimSpace(results[0].Shown), "\n", "\n  "))
		}
	}
	if text != "" {
		text = "Answers of the trained nets to an example, for the first seed:\n" + text + "\n"
	}
	return text
}
