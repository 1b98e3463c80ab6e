package main

import (
	"fmt"

	"gonum.org/v1/gonum/stat"

	"github.com/l4-go/l4/internal/experiment/compare"
	"github.com/l4-go/l4/internal/experiment/dataset"
	"github.com/l4-go/l4/internal/experiment/paper"
)

// mnist is the experiment of the paper's section 3.2.
func mnist() experiment {
	return experiment{
		name:  "mnist",
		about: "Train a perceptron of 784-300-100-10 on handwritten digits (paper, section 3.2)",
		epoch: "one pass over all 60,000 images",
		examples: `  demo mnist --epochs 2 --solvers l4adam:0.15,l4adam:0.25,momentum
  demo mnist --full --checkpoint run.ckpt             the paper's Fig. 3 and Table 2
  demo mnist --full --checkpoint run.ckpt --resume    the same, resumed after a crash
  demo mnist --full --batch 8,16,32,64                the paper's comparison of batch sizes
  demo mnist --full --grid                            the other solvers with their best rates`,
		plain: scope{solvers: "l4adam,adam", gridSolvers: "momentum,sgd", epochs: 4, seeds: 1},
		full: &scope{
			solvers: "adam,momentum,l4adam,l4adam:0.25,l4mom,l4mom:0.25", gridSolvers: "sgd",
			epochs: 30, seeds: 5,
		},
		timed: true, batches: []int{64}, dtype: "float32", gridSeeds: 2,
		data:     "the four files of MNIST (default the folder of the Go module that ships them)",
		newTasks: mnistTasks,
		unit:     compare.Epochs,
		measures: []compare.Measure{compare.MeanLosses, compare.LearnRates},
		report:   mnistReport,
	}
}

// paperBatch is the name of the task whose numbers the paper reports.
const paperBatch = "batch 64"

func mnistTasks(s settings) ([]compare.Task, error) {
	images, test, err := dataset.MNIST(s.data)
	if err != nil {
		return nil, err
	}
	start := func(batch int, seed uint64) (compare.Training, error) {
		return paper.NewMNIST(s.tensorDtype(), images, test, batch, seed)
	}
	return batchTasks(s, "MNIST", images, start)
}

func mnistReport(s settings, c *compare.Comparison) string {
	text := ""
	for _, t := range c.Tasks {
		text += c.Summary(t)
		if !s.full {
			continue
		}
		text += "Test accuracy in %, mean ± standard deviation over the seeds, " +
			"beside the paper's Table 2\n" +
			c.Beside(t, compare.Epochs, "paper", []int{1, 10, 30}, paperAccuracy) +
			"\nTraining loss, mean over the steps of the epoch and over the seeds, " +
			"beside reference implementations\n" +
			c.Beside(t, compare.Epochs, "reference", []int{1, 10, 20, 30}, paperLoss) + "\n"
	}
	return text
}

func paperAccuracy(
	t compare.Task, s compare.Choice, epoch int, epochs []compare.Epoch,
) (ours, theirs string) {
	ours, theirs = percent(epochs, "%.2f", ""), "-"
	if a, ok := paper.Table2[paper.SettingOf(s)].Accuracy[epoch]; ok && t.Name == paperBatch {
		theirs = fmt.Sprintf("%.1f ± %.1f", a.Mean, a.Std)
	}
	return ours, theirs
}

// percent returns the mean and standard deviation of the accuracies in percent.
func percent(epochs []compare.Epoch, format, unit string) string {
	accuracies := compare.Accuracies.Each(epochs)
	for i := range accuracies {
		accuracies[i] *= 100
	}
	return compare.Spread(accuracies, format, unit)
}

func paperLoss(
	t compare.Task, s compare.Choice, epoch int, epochs []compare.Epoch,
) (ours, theirs string) {
	ours, theirs = "-", "-"
	if losses := compare.MeanLosses.Each(epochs); len(losses) > 0 {
		ours = fmt.Sprintf("%.2g", stat.Mean(losses, nil))
	}
	if loss, ok := paper.Table2[paper.SettingOf(s)].Loss[epoch]; ok && t.Name == paperBatch {
		theirs = fmt.Sprintf("%.2g", loss)
	}
	return ours, theirs
}
