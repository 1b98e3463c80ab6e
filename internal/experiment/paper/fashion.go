package paper

import (
	"math"
	"math/rand/v2"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/experiment/compare"
	"github.com/l4-go/l4/internal/experiment/dataset"
	"github.com/l4-go/l4/internal/experiment/layer"
)

// FashionWeights draws the weights of the convolutional net for Fashion-MNIST. The filters and the
// hidden layer are normal with a variance of 2 over the number of inputs. The biases and the last
// layer are 0.
func FashionWeights(dt tensor.Dtype, r *rand.Rand) Weights {
	he := func(inputs int, shape ...int) *tensor.Dense {
		return normal(dt, r, math.Sqrt(2/float64(inputs)), shape...)
	}
	return Weights{
		he(25, 5, 5, 1, 32), constant(dt, 0, 32),
		he(25*32, 5, 5, 32, 64), constant(dt, 0, 64),
		he(7*7*64, 7*7*64, 1024), constant(dt, 0, 1024),
		constant(dt, 0, 1024, 10), constant(dt, 0, 10),
	}
}

// Dropout has the arguments of layer.Dropout. With the zero value no elements are dropped.
type Dropout struct {
	Probability float64
	Source      rand.Source
}

// Fashion builds the net of the paper's supplement for images of 28×28 and ten classes: 32 filters
// of 5×5 and pooling, 64 filters of 5×5 and pooling, a hidden layer of 1024, dropout, and the last
// layer. It uses the memory of weights, which come from FashionWeights.
func Fashion(weights Weights, batch int, dropout Dropout) *Net {
	b := newBuilder(weights, batch, 28, 28, 1)
	x := b.convPool(b.convPool(b.Input))
	x = b.dense(x, true)
	if dropout.Probability > 0 {
		x = G.Must(layer.Dropout(x, dropout.Probability, dropout.Source))
	}
	return b.classify(b.dense(x, false))
}

// fashion is a Classifier with dropout. The dropped elements depend only on the seed and the step.
type fashion struct {
	*Classifier
	source *rand.PCG
	seed   uint64
}

// NewFashion starts the task of the paper's supplement. dropout is the probability to drop a hidden
// unit.
func NewFashion(
	dt tensor.Dtype, images, test *dataset.Images, batch int, dropout float64, seed uint64,
) (compare.Training, error) {
	f := &fashion{source: rand.NewPCG(seed, 0), seed: seed}
	weights := FashionWeights(dt, rand.New(rand.NewPCG(seed, 0)))
	net := Fashion(weights, batch, Dropout{Probability: dropout, Source: f.source})
	eval := Fashion(weights, evalBatch, Dropout{})
	var err error
	f.Classifier, err = Classify(net, eval, images, test, seed)
	return f, err
}

// Run implements compare.Training.
func (f *fashion) Run(step int) (G.Valuer, []G.ValueGrad, error) {
	f.source.Seed(f.seed, uint64(step)+1)
	return f.Classifier.Run(step)
}
