// Package model builds the networks of the experiments as Gorgonia graphs.
package model

import (
	"fmt"
	"math"
	"math/rand/v2"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/experiment/nn"
)

// Net is a network with its loss.
type Net struct {
	Graph   *G.ExprGraph
	Input   *G.Node // (batch, inputs)
	Target  *G.Node // (batch, classes), one-hot
	Output  *G.Node // (batch, classes), logits
	Loss    *G.Node // mean over the batch, a scalar
	Weights G.Nodes
}

// Weights are initial values that several nets can share.
type Weights []*tensor.Dense

// MLPWeights draws the weights of a multilayer perceptron: matrices Glorot-uniform, biases zero, and the last
// layer all zero, so that training starts from equal probabilities.
func MLPWeights(dt tensor.Dtype, layers []int, r *rand.Rand) Weights {
	var ws Weights
	for l := 1; l < len(layers); l++ {
		in, out := layers[l-1], layers[l]
		w := tensor.New(tensor.WithShape(in, out), tensor.Of(dt))
		if l < len(layers)-1 {
			bound := math.Sqrt(6 / float64(in+out))
			nn.Fill(w, func() float64 { return bound * (2*r.Float64() - 1) })
		}
		ws = append(ws, w, tensor.New(tensor.WithShape(out), tensor.Of(dt)))
	}
	return ws
}

// MLP builds a perceptron with rectified hidden layers and softmax cross-entropy over weights from
// MLPWeights, whose memory it uses.
func MLP(weights Weights, batch int) *Net {
	dt := weights[0].Dtype()
	g := G.NewGraph()
	n := &Net{Graph: g}
	n.Input = input(g, dt, "input", batch, weights[0].Shape()[0])
	x := n.Input
	for l := 0; l < len(weights); l += 2 {
		w := G.NewMatrix(g, dt, G.WithName(fmt.Sprint("w", l/2)), G.WithShape(weights[l].Shape()...), G.WithValue(weights[l]))
		b := G.NewVector(g, dt, G.WithName(fmt.Sprint("b", l/2)), G.WithShape(weights[l+1].Shape()...), G.WithValue(weights[l+1]))
		n.Weights = append(n.Weights, w, b)
		x = G.Must(nn.Dense(x, w, b, l < len(weights)-2, l == 0))
	}
	n.Output = x
	n.Target = input(g, dt, "target", batch, x.Shape()[1])
	n.Loss = G.Must(nn.CrossEntropy(x, n.Target))
	return n
}

func input(g *G.ExprGraph, dt tensor.Dtype, name string, rows, cols int) *G.Node {
	return G.NewMatrix(g, dt, G.WithName(name), G.WithShape(rows, cols), G.WithValue(tensor.New(tensor.WithShape(rows, cols), tensor.Of(dt))))
}
