package model

import (
	"fmt"
	"hash"

	"github.com/chewxy/hm"
	"github.com/pkg/errors"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// FunctionLoss returns the loss f(w) of a vector of float64. f returns the loss and writes its gradient. It is
// called once in each run of the graph.
func FunctionLoss(w *G.Node, f func(w, grad []float64) float64) (*G.Node, error) {
	if w.Dims() != 1 || w.Dtype() != tensor.Float64 {
		return nil, errors.Errorf("function loss: %v has the shape %v and type %v, want a vector of float64", w, w.Shape(), w.Dtype())
	}
	return G.ApplyOp(&functionLoss{f: f}, w)
}

// functionLoss is the operation w -> loss. It keeps the gradient.
type functionLoss struct {
	op
	f    func(w, grad []float64) float64
	grad []float64
}

// functionDiff is its gradient, (w, loss, gradient of the loss) -> gradient. The loss is an input so that it is
// computed before.
type functionDiff struct {
	op
	of  *functionLoss
	out *tensor.Dense
}

var (
	_ G.SDOp = (*functionLoss)(nil)
	_ G.Op   = (*functionDiff)(nil)
)

func (*functionLoss) Arity() int              { return 1 }
func (*functionLoss) String() string          { return "FunctionLoss" }
func (o *functionLoss) WriteHash(h hash.Hash) { fmt.Fprintf(h, "%v %p", o, o) }
func (o *functionLoss) Hashcode() uint32      { return hashcode(o) }
func (*functionLoss) Type() hm.Type {
	a := hm.TypeVariable('a')
	return hm.NewFnType(G.TensorType{Dims: 1, Of: a}, a)
}
func (*functionLoss) InferShape(...G.DimSizer) (tensor.Shape, error) {
	return tensor.ScalarShape(), nil
}
func (*functionLoss) DiffWRT(int) []bool { return []bool{true} }
func (o *functionLoss) SymDiff(inputs G.Nodes, loss, grad *G.Node) (G.Nodes, error) {
	d, err := G.ApplyOp(&functionDiff{of: o}, inputs[0], loss, grad)
	return G.Nodes{d}, err
}

func (o *functionLoss) Do(inputs ...G.Value) (G.Value, error) {
	in, err := rowMajor(o, inputs...)
	if err != nil {
		return nil, err
	}
	w := in[0].Float64s()
	if o.grad == nil {
		o.grad = make([]float64, len(w))
	}
	return newScalar(tensor.Float64, o.f(w, o.grad)), nil
}

func (*functionDiff) Arity() int              { return 3 }
func (*functionDiff) String() string          { return "FunctionDiff" }
func (o *functionDiff) WriteHash(h hash.Hash) { fmt.Fprintf(h, "%v %p", o, o) }
func (o *functionDiff) Hashcode() uint32      { return hashcode(o) }
func (*functionDiff) Type() hm.Type {
	a := hm.TypeVariable('a')
	v := G.TensorType{Dims: 1, Of: a}
	return hm.NewFnType(v, a, a, v)
}
func (o *functionDiff) InferShape(inputs ...G.DimSizer) (tensor.Shape, error) {
	return inputs[0].(tensor.Shape).Clone(), nil
}

func (o *functionDiff) Do(inputs ...G.Value) (G.Value, error) {
	factor, err := scalar(inputs[2])
	if err != nil {
		return nil, err
	}
	out := reuse(&o.out, tensor.Float64, len(o.of.grad)).Float64s()
	for i, g := range o.of.grad {
		out[i] = factor * g
	}
	return o.out, nil
}
