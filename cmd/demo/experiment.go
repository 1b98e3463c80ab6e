package main

import (
	"math/rand/v2"

	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/dataset"
	"github.com/l4-go/l4/internal/model"
	"github.com/l4-go/l4/internal/train"
)

// experiment is something to compare solvers on.
type experiment struct {
	about   string
	epoch   string // what an epoch is
	solvers string
	epochs  int
	batch   int    // 0: no batches
	dtype   string // default
	// open checks and loads what the experiment needs, and returns how to make a task. The same seed gives the
	// same initial weights and the same order of batches, whatever the solver.
	open func(s settings) (func(seed uint64) *train.Task, error)
}

var experiments = map[string]experiment{
	"mnist": {
		about:   "handwritten digits, a perceptron of 784-300-100-10 (paper, section 3.2)",
		epoch:   "all 60,000 images once",
		solvers: "l4adam,adam", epochs: 4, batch: 64, dtype: "float32",
		open: func(s settings) (func(uint64) *train.Task, error) {
			images, test, err := dataset.MNIST(s.data)
			if err != nil {
				return nil, err
			}
			if err := s.checkBatch(images.Len()); err != nil {
				return nil, err
			}
			layers := []int{images.Size(), 300, 100, images.Classes}
			return func(seed uint64) *train.Task {
				weights := model.MLPWeights(s.tensorDtype(), layers, rand.New(rand.NewPCG(seed, 0)))
				return train.Classify(func(batch int) *model.Net { return model.MLP(weights, batch) }, images, test, s.batch, seed)
			}, nil
		},
	},
	"regression": {
		about:   "a badly conditioned linear net of 96 weights (paper, section 3.1)",
		epoch:   "100 steps on all samples",
		solvers: "l4adam:0.25,l4mom:0.25,adam", epochs: 100, dtype: "float64",
		open: func(s settings) (func(uint64) *train.Task, error) {
			return func(seed uint64) *train.Task { return train.Regression(s.tensorDtype(), 100, seed) }, nil
		},
	},
}

func (s settings) tensorDtype() tensor.Dtype {
	if s.dtype == "float64" {
		return tensor.Float64
	}
	return tensor.Float32
}
