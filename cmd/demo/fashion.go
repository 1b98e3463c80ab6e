package main

import (
	"fmt"

	"github.com/pkg/errors"
	"github.com/spf13/pflag"

	"github.com/l4-go/l4/internal/experiment/compare"
	"github.com/l4-go/l4/internal/experiment/dataset"
	"github.com/l4-go/l4/internal/experiment/paper"
)

// fashion is the experiment of the paper's supplement. Here it is as long as the MNIST experiment.
func fashion() experiment {
	var dropout []float64
	return experiment{
		name:  "fashion",
		about: "Train a convolutional net on Fashion-MNIST (paper, supplement)",
		epoch: "one pass over all 60,000 images",
		examples: `  demo fashion --dropout 0,0.5 --solvers l4adam,adam:3e-4
  demo fashion --full --checkpoint run.ckpt    with and without dropout; takes long`,
		plain: scope{solvers: "l4adam,l4mom,adam:3e-4,momentum:0.01", epochs: 2, seeds: 1},
		full: &scope{
			solvers: "l4adam,l4mom,l4adam-plain,l4mom-plain,adam:3e-4,momentum:0.01",
			epochs:  30, seeds: 5,
		},
		timed: true, batches: []int{100}, dtype: "float32", gridSeeds: 2,
		data: "the four files of Fashion-MNIST (default the folder of Debian's package " +
			"dataset-fashion-mnist if it is installed, or else a folder in the user's cache, to " +
			"which missing files are downloaded)",
		source: &dataset.FashionMNISTSource,
		flags: func(f *pflag.FlagSet) {
			f.Float64SliceVar(&dropout, "dropout", nil,
				"`list` of dropout probabilities of the hidden layer to compare, separated by "+
					"commas (default 0; 0,0.5 with --full)")
			f.Lookup("dropout").DefValue = "" // the default is in the help
		},
		newTasks: func(s settings) ([]compare.Task, error) {
			if len(dropout) == 0 {
				dropout = []float64{0}
				if s.full {
					dropout = []float64{0, 0.5}
				}
			}
			return fashionTasks(s, dropout)
		},
		unit: compare.Epochs,
		measures: []compare.Measure{
			compare.MeanLosses, compare.Accuracies, compare.LearnRates,
		},
		report: summary,
	}
}

// fashionTasks returns a task for each dropout probability and each batch size.
func fashionTasks(s settings, dropout []float64) ([]compare.Task, error) {
	images, test, err := dataset.FashionMNIST(s.data)
	if err != nil {
		return nil, err
	}
	if images.Rows != 28 || images.Cols != 28 {
		return nil, errors.Errorf("--data: the images have %d by %d pixels, want 28 by 28: name "+
			"the folder of Fashion-MNIST", images.Rows, images.Cols)
	}
	var all []compare.Task
	for _, p := range dropout {
		if !(p >= 0 && p < 1) {
			return nil, errors.Errorf("--dropout %v: want a probability from 0 to less than 1", p)
		}
		title := "Fashion-MNIST"
		if p > 0 {
			title += fmt.Sprint(", dropout ", p)
		}
		start := func(batch int, seed uint64) (compare.Training, error) {
			return paper.NewFashion(s.tensorDtype(), images, test, batch, p, seed)
		}
		tasks, err := batchTasks(s, title, images, start)
		if err != nil {
			return nil, err
		}
		for _, t := range tasks {
			t.Name += fmt.Sprint(" dropout ", p)
			all = append(all, t)
		}
	}
	return all, nil
}
