// Package dnc has the differentiable neural computer of A. Graves et al. (Hybrid computing using a
// neural network with dynamic external memory, Nature 538, 2016) and the task of repeating a
// pattern. As in DeepMind's public implementation, no gradient flows through the write weights into
// the usage.
//
// A controller, which is an LSTM, computes an interface in each step. The interface controls
// several heads that read from a memory of slots, and one head that writes to it.
//
// The net over all steps is one node of the graph. It consists of operations on flat slices, which
// a tape runs without allocating memory. The gradient of each weight matrix is one product over all
// steps.
package dnc

import (
	"math"
	"math/rand/v2"

	"github.com/pkg/errors"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/op"
)

// NewWeights draws initial weights. The matrices are from a normal distribution with the standard
// deviation 1/√inputs, truncated at two standard deviations. The biases are 0.
func NewWeights(dt tensor.Dtype, s Size, r *rand.Rand) []*tensor.Dense {
	var weights []*tensor.Dense
	for _, shape := range s.weights() {
		w := tensor.New(tensor.WithShape(shape...), tensor.Of(dt))
		if len(shape) == 2 {
			scale := 1 / math.Sqrt(float64(shape[0]))
			op.Fill(w, func() float64 { return scale * truncatedNormal(r) })
		}
		weights = append(weights, w)
	}
	return weights
}

func truncatedNormal(r *rand.Rand) float64 {
	for {
		if x := r.NormFloat64(); math.Abs(x) <= 2 {
			return x
		}
	}
}

// Apply returns the outputs of a net, of shape (steps, batch, outputs), for inputs x of shape
// (steps, batch, inputs), which have no gradient, and weights in the order of NewWeights.
func Apply(s Size, x *G.Node, weights G.Nodes) (*G.Node, error) {
	if !x.Shape().Eq(tensor.Shape{s.Steps, s.Batch, s.Inputs}) {
		return nil, errors.Errorf("dnc: the inputs have shape %v, want (steps, batch, inputs) "+
			"of %+v", x.Shape(), s)
	}
	want := s.weights()
	if len(weights) != len(want) {
		return nil, errors.Errorf("dnc: the net has %d weights, want %d", len(weights), len(want))
	}
	for i, w := range weights {
		if !w.Shape().Eq(want[i]) {
			return nil, errors.Errorf("dnc: weights %d have shape %v, want %v",
				i, w.Shape(), want[i])
		}
	}
	spec := op.Spec{
		Name: "DNC", Shape: tensor.Shape{s.Steps, s.Batch, s.Outputs}, Constant: []int{0},
	}
	inputs := append(G.Nodes{x}, weights...)
	return op.ApplyEither(spec, s, newNet[float32], newNet[float64], inputs...)
}
