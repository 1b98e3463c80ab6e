package paper

import (
	"math"
	"math/rand/v2"

	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/experiment/dataset"
	"github.com/l4-go/l4/internal/op"
)

// MLPWeights draws the weights of a multilayer perceptron. The matrices are Glorot-uniform. The
// biases and the last layer are 0, so that the training starts from equal probabilities of all
// classes.
func MLPWeights(dt tensor.Dtype, layers []int, r *rand.Rand) Weights {
	var ws Weights
	for l := 1; l < len(layers); l++ {
		in, out := layers[l-1], layers[l]
		w := tensor.New(tensor.WithShape(in, out), tensor.Of(dt))
		if l < len(layers)-1 {
			bound := math.Sqrt(6 / float64(in+out))
			op.Fill(w, func() float64 { return bound * (2*r.Float64() - 1) })
		}
		ws = append(ws, w, constant(dt, 0, out))
	}
	return ws
}

// MLP builds a perceptron with rectified hidden layers and softmax cross-entropy. It uses the
// memory of weights, which come from MLPWeights.
func MLP(weights Weights, batch int) *Net {
	b := newBuilder(weights, batch, weights[0].Shape()[0])
	x := b.Input
	for l := 0; l < len(weights); l += 2 {
		x = b.dense(x, l < len(weights)-2)
	}
	return b.classify(x)
}

// NewMNIST starts the task of the paper's section 3.2: a perceptron of 784-300-100-10.
func NewMNIST(
	dt tensor.Dtype, images, test *dataset.Images, batch int, seed uint64,
) (*Classifier, error) {
	layers := []int{images.Size(), 300, 100, images.Classes}
	weights := MLPWeights(dt, layers, rand.New(rand.NewPCG(seed, 0)))
	return Classify(MLP(weights, batch), MLP(weights, evalBatch), images, test, seed)
}
