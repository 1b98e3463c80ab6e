package paper

import (
	"fmt"
	"math/rand/v2"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/experiment/layer"
	"github.com/l4-go/l4/internal/op"
	"github.com/l4-go/l4/nn"
)

// Net is a neural network with its loss.
type Net struct {
	Graph   *G.ExprGraph
	Input   *G.Node // (batch, inputs), or (batch, height, width, channels) of a convolutional net
	Target  *G.Node // (batch, classes), one-hot
	Output  *G.Node // (batch, classes), logits
	Loss    *G.Node // scalar: mean over the batch, plus the penalty of Regularize
	Weights G.Nodes

	// Statistics are the running statistics of the batch norms.
	Statistics []*layer.Statistics
}

// Commit adds the last batch to the running statistics. Call it after each step that the solver has
// made, and not after a rejected step.
func (n *Net) Commit() {
	for _, s := range n.Statistics {
		s.Commit()
	}
}

// Regularize adds λ/2·‖w‖² over all weights to the loss.
func (n *Net) Regularize(lambda float64) {
	n.Loss = G.Must(G.Add(n.Loss, G.Must(layer.L2(lambda, n.Weights...))))
}

// Weights are tensors of weights that several nets can share.
type Weights []*tensor.Dense

// builder builds a net. The layers use the weights in their order.
type builder struct {
	*Net
	weights Weights
}

func newBuilder(weights Weights, inputs ...int) *builder {
	b := &builder{&Net{Graph: G.NewGraph()}, weights}
	b.Input = b.node("input", constant(b.dtype(), 0, inputs...))
	return b
}

func (b *builder) dtype() tensor.Dtype { return b.weights[0].Dtype() }

func (b *builder) node(name string, v *tensor.Dense) *G.Node {
	return G.NodeFromAny(b.Graph, v, G.WithName(name))
}

// next returns the next weights.
func (b *builder) next() *G.Node {
	i := len(b.Weights)
	n := b.node(fmt.Sprint("weights", i), b.weights[i])
	b.Weights = append(b.Weights, n)
	return n
}

// dense adds a dense layer with the next weights.
func (b *builder) dense(x *G.Node, rectified bool) *G.Node {
	return G.Must(layer.Dense(x, b.next(), b.next(), rectified, x == b.Input))
}

// convPool adds a convolution with the next weights, rectified and pooled.
func (b *builder) convPool(x *G.Node) *G.Node {
	return G.Must(layer.ConvPool(x, b.next(), b.next(), x == b.Input))
}

// classify adds the loss to a net with the given logits, and returns the net.
func (b *builder) classify(logits *G.Node) *Net {
	b.Output = logits
	b.Target = b.node("target", constant(b.dtype(), 0, logits.Shape()...))
	b.Loss = G.Must(nn.SoftmaxCrossEntropy(logits, b.Target))
	return b.Net
}

// constant returns a tensor whose elements are all x.
func constant(dt tensor.Dtype, x float64, shape ...int) *tensor.Dense {
	t := tensor.New(tensor.WithShape(shape...), tensor.Of(dt))
	op.Fill(t, func() float64 { return x })
	return t
}

// normal draws a tensor of normal numbers with mean 0 and the given standard deviation.
func normal(dt tensor.Dtype, r *rand.Rand, deviation float64, shape ...int) *tensor.Dense {
	t := tensor.New(tensor.WithShape(shape...), tensor.Of(dt))
	op.Fill(t, func() float64 { return deviation * r.NormFloat64() })
	return t
}
