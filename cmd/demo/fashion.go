package main

import (
	"fmt"
	"math/rand/v2"

	"github.com/pkg/errors"
	"github.com/spf13/pflag"
	"gorgonia.org/gorgonia"

	"github.com/l4-go/l4/internal/experiment/dataset"
	"github.com/l4-go/l4/internal/experiment/figure"
	"github.com/l4-go/l4/internal/experiment/model"
	"github.com/l4-go/l4/internal/experiment/train"
)

// fashionFiles says what the folder of a flag holds.
const fashionFiles = "the four files of Fashion-MNIST (default that of Debian's package, or else " +
	"one in the user's cache, which is fetched if it is not there)"

// fashion is an experiment of the paper's supplement, here as long as the one on MNIST.
func fashion() experiment {
	var dropout []float64
	return experiment{
		name:  "fashion",
		about: "Fashion-MNIST, a convolutional net (paper, supplement)",
		epoch: "all 60,000 images once",
		examples: `  demo fashion --dropout 0,0.5 --solvers l4adam,adam:3e-4
  demo fashion --full --checkpoint run.ckpt    long, with and without dropout`,
		plain: scope{solvers: "l4adam,l4mom,adam:3e-4,momentum:0.01", epochs: 2, restarts: 1},
		full: &scope{
			solvers: "l4adam,l4mom,l4adam-plain,l4mom-plain,adam:3e-4,momentum:0.01",
			epochs:  30, restarts: 5,
		},
		timed: true, batches: []int{100}, dtype: "float32", gridStarts: 2,
		data:   fashionFiles,
		source: &dataset.FashionMNISTSource,
		flags: func(f *pflag.FlagSet) {
			f.Float64SliceVar(&dropout, "dropout", nil,
				"`list` of probabilities to drop a hidden unit, which are compared "+
					"(default 0, with --full 0,0.5)")
		},
		variants: func(s settings) ([]variant, error) {
			switch {
			case len(dropout) > 0:
			case s.full:
				dropout = []float64{0, 0.5}
			default:
				dropout = []float64{0}
			}
			return fashionVariants(s, dropout)
		},
		unit: "epoch", measures: []measure{meanLosses, accuracies, learnRates},
		report: fashionReport,
	}
}

// fashionVariants returns a variant for each probability of dropout and each batch size.
func fashionVariants(s settings, dropout []float64) ([]variant, error) {
	images, test, err := dataset.FashionMNIST(s.data)
	if err != nil {
		return nil, err
	}
	if images.Rows != 28 || images.Cols != 28 {
		return nil, errors.Errorf("--data: images of %d by %d pixels: want 28 by 28",
			images.Rows, images.Cols)
	}
	var all []variant
	for _, p := range dropout {
		if !(p >= 0 && p < 1) {
			return nil, errors.Errorf("--dropout %v: want 0 or more and less than 1", p)
		}
		title := "Fashion-MNIST"
		if p > 0 {
			title += fmt.Sprint(", dropout ", p)
		}
		newTask := func(batch int, seed uint64) (train.Task, error) {
			return newFashionTask(s, batch, p, images, test, seed)
		}
		vs, err := batchVariants(s, title, images, newTask)
		if err != nil {
			return nil, err
		}
		for _, v := range vs {
			v.name += fmt.Sprint(" dropout ", p)
			all = append(all, v)
		}
	}
	return all, nil
}

// fashionTask draws what is dropped anew for each step, from a seed that depends on nothing else.
type fashionTask struct {
	*train.Classifier
	source *rand.PCG
	seed   uint64
}

func newFashionTask(
	s settings, batch int, dropout float64, images, test *dataset.Images, seed uint64,
) (train.Task, error) {
	task := &fashionTask{source: rand.NewPCG(seed, 0), seed: seed}
	weights := model.FashionWeights(s.tensorDtype(), rand.New(rand.NewPCG(seed, 0)))
	net := model.Fashion(weights, batch, model.Dropout{Probability: dropout, Source: task.source})
	eval := model.Fashion(weights, evalBatch, model.Dropout{})
	var err error
	task.Classifier, err = train.Classify(net, eval, images, test, seed)
	return task, err
}

// Run implements train.Task.
func (t *fashionTask) Run(step int) (gorgonia.Valuer, []gorgonia.ValueGrad, error) {
	t.source.Seed(t.seed, uint64(step)+1)
	return t.Classifier.Run(step)
}

func fashionReport(j *job) string {
	text := ""
	for _, v := range j.variants {
		text += v.title + "\n" + figure.Table(j.summary(v)) + "\n"
	}
	return text
}
