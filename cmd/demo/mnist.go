package main

import (
	"fmt"
	"math/rand/v2"

	"gonum.org/v1/gonum/stat"

	"github.com/l4-go/l4/internal/experiment/dataset"
	"github.com/l4-go/l4/internal/experiment/figure"
	"github.com/l4-go/l4/internal/experiment/model"
	"github.com/l4-go/l4/internal/experiment/paper"
	"github.com/l4-go/l4/internal/experiment/train"
)

// mnist is the experiment of the paper's section 3.2.
func mnist() experiment {
	return experiment{
		name:  "mnist",
		about: "Handwritten digits, a perceptron of 784-300-100-10 (paper, section 3.2)",
		epoch: "all 60,000 images once",
		examples: `  demo mnist --epochs 2 --solvers l4adam:0.15,l4adam:0.25,momentum
  demo mnist --full --checkpoint run.ckpt             the paper's Fig. 3 and Table 2
  demo mnist --full --checkpoint run.ckpt --resume    and after a crash
  demo mnist --full --batch 8,16,32,64                its comparison of batch sizes
  demo mnist --full --grid                            with the best rates for the other solvers`,
		plain: scope{solvers: "l4adam,adam", gridSolvers: "momentum,sgd", epochs: 4, restarts: 1},
		full: &scope{
			solvers: "adam,momentum,l4adam,l4adam:0.25,l4mom,l4mom:0.25", gridSolvers: "sgd",
			epochs: 30, restarts: 5,
		},
		timed: true, batches: []int{64}, dtype: "float32", gridStarts: 2,
		data:     "the four files of MNIST (default where the Go modules lie)",
		variants: mnistVariants,
		unit:     "epoch", measures: []measure{meanLosses, learnRates},
		report: mnistReport,
	}
}

const (
	// paperBatch is the variant that the paper's numbers belong to.
	paperBatch = "batch 64"
	// evalBatch is the number of test images that are classified at once.
	evalBatch = 500
)

func mnistVariants(s settings) ([]variant, error) {
	images, test, err := dataset.MNIST(s.data)
	if err != nil {
		return nil, err
	}
	return batchVariants(s, "MNIST", images, func(batch int, seed uint64) (train.Task, error) {
		layers := []int{images.Size(), 300, 100, images.Classes}
		weights := model.MLPWeights(s.tensorDtype(), layers, rand.New(rand.NewPCG(seed, 0)))
		net, eval := model.MLP(weights, batch), model.MLP(weights, evalBatch)
		return train.Classify(net, eval, images, test, seed)
	})
}

func mnistReport(j *job) string {
	text := ""
	for _, v := range j.variants {
		text += v.title + "\n" + figure.Table(j.summary(v)) + "\n"
		if !j.full {
			continue
		}
		text += "Test accuracy in %, mean ± standard deviation over the starts, " +
			"beside the paper's Table 2\n" +
			figure.Table(j.comparison(v, "epoch", "paper", []int{1, 10, 30}, paperAccuracy)) +
			"\nMean training loss of an epoch, mean over the starts, " +
			"beside that of reference implementations\n" +
			figure.Table(j.comparison(v, "epoch", "reference", []int{1, 10, 20, 30}, paperLoss)) +
			"\n"
	}
	return text
}

func meanLoss(r train.Record) float64 { return r.Loss }

func paperAccuracy(v variant, spec solverSpec, epoch int, rs []train.Record) (ours, theirs string) {
	accuracies := each(rs, func(r train.Record) float64 { return 100 * r.Accuracy })
	ours, theirs = spread(accuracies, "%.2f", ""), "-"
	for _, row := range paper.MNIST {
		a, ok := row.Accuracy[epoch]
		if ok && row.Setting == paper.SettingOf(spec.Kind, spec.Value) && v.name == paperBatch {
			theirs = fmt.Sprintf("%.1f ± %.1f", a.Mean, a.Std)
		}
	}
	return ours, theirs
}

func paperLoss(v variant, spec solverSpec, epoch int, rs []train.Record) (ours, theirs string) {
	ours, theirs = "-", "-"
	if losses := each(rs, meanLoss); len(losses) > 0 {
		ours = fmt.Sprintf("%.2g", stat.Mean(losses, nil))
	}
	for _, row := range paper.MNIST {
		loss, ok := row.Loss[epoch]
		if ok && row.Setting == paper.SettingOf(spec.Kind, spec.Value) && v.name == paperBatch {
			theirs = fmt.Sprintf("%.2g", loss)
		}
	}
	return ours, theirs
}
