package main

import (
	"fmt"
	"math/rand/v2"

	"github.com/pkg/errors"
	"gonum.org/v1/gonum/stat"

	"github.com/l4-go/l4/internal/experiment/dataset"
	"github.com/l4-go/l4/internal/experiment/figure"
	"github.com/l4-go/l4/internal/experiment/model"
	"github.com/l4-go/l4/internal/experiment/paper"
	"github.com/l4-go/l4/internal/experiment/train"
)

// mnist is the experiment of the paper's section 3.2.
var mnist = experiment{
	about: "handwritten digits, a perceptron of 784-300-100-10 (paper, section 3.2)",
	epoch: "all 60,000 images once",
	plain: scope{solvers: "l4adam,adam", gridSolvers: "momentum,sgd", epochs: 4, restarts: 1},
	full:  &scope{solvers: "adam,momentum,l4adam,l4adam:0.25,l4mom,l4mom:0.25", gridSolvers: "sgd", epochs: 30, restarts: 5},
	timed: true, batches: []int{64}, dtype: "float32", gridStarts: 2,
	variants: mnistVariants,
	report:   mnistReport,
}

// paperBatch is the variant that the paper's numbers are of.
const paperBatch = "batch 64"

// mnistVariants has a variant for each size of a batch.
func mnistVariants(s settings) ([]variant, error) {
	images, test, err := dataset.MNIST(s.data)
	if err != nil {
		return nil, err
	}
	var vs []variant
	for _, batch := range s.batches {
		if batch > images.Len() {
			return nil, errors.Errorf("-batch %d: the data set has %d images", batch, images.Len())
		}
		v := variant{name: fmt.Sprint("batch ", batch), title: "MNIST", epochs: s.epochs, epochSteps: images.Len() / batch}
		if len(s.batches) > 1 {
			v.title += fmt.Sprint(", batches of ", batch)
		}
		v.newTask = func(seed uint64) *train.Task {
			return perceptron(s, images, test, batch, seed)
		}
		vs = append(vs, v)
	}
	return vs, nil
}

// perceptron is the task of training the paper's net.
func perceptron(s settings, images, test *dataset.Images, batch int, seed uint64, changes ...train.Change) *train.Task {
	layers := []int{images.Size(), 300, 100, images.Classes}
	weights := model.MLPWeights(s.tensorDtype(), layers, rand.New(rand.NewPCG(seed, 0)))
	return train.Classify(func(n int) *model.Net { return model.MLP(weights, n) }, images, test, batch, seed, changes...)
}

func mnistReport(j *job) (string, [][]figure.Panel) {
	text := ""
	for _, v := range j.variants {
		text += v.title + "\n" + figure.Table(j.summary(v)) + "\n"
		if !j.full {
			continue
		}
		text += "Test accuracy in %, mean ± standard deviation over the starts, beside the paper's Table 2\n" +
			figure.Table(j.comparison(v, "epoch", "paper", []int{1, 10, 30}, paperAccuracy)) +
			"\nMean training loss of an epoch, mean over the starts, beside that of reference implementations\n" +
			figure.Table(j.comparison(v, "epoch", "reference", []int{1, 10, 20, 30}, paperLoss)) + "\n"
	}
	return text, j.panels("epoch", "training loss", func(r train.Record) float64 { return r.Loss })
}

func paperAccuracy(v variant, spec solverSpec, epoch int, records []train.Record) (ours, theirs string) {
	ours, theirs = spread(each(records, func(r train.Record) float64 { return 100 * r.Accuracy }), "%.2f", ""), "-"
	for _, row := range paper.MNIST {
		if a, ok := row.Accuracy[epoch]; ok && row.Setting == paper.Setting(spec) && v.name == paperBatch {
			theirs = fmt.Sprintf("%.1f ± %.1f", a.Mean, a.Std)
		}
	}
	return ours, theirs
}

func paperLoss(v variant, spec solverSpec, epoch int, records []train.Record) (ours, theirs string) {
	ours, theirs = "-", "-"
	if len(records) > 0 {
		ours = fmt.Sprintf("%.2g", stat.Mean(each(records, func(r train.Record) float64 { return r.Loss }), nil))
	}
	for _, row := range paper.MNIST {
		if loss, ok := row.Loss[epoch]; ok && row.Setting == paper.Setting(spec) && v.name == paperBatch {
			theirs = fmt.Sprintf("%.2g", loss)
		}
	}
	return ours, theirs
}
