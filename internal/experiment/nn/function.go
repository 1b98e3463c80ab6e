package nn

import (
	"github.com/pkg/errors"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// FunctionLoss returns the loss f(w) of a vector of float64. f returns the loss and writes its gradient. It is
// called once in each run of the graph.
func FunctionLoss(w *G.Node, f func(w, grad []float64) float64) (*G.Node, error) {
	if w.Dims() != 1 || w.Dtype() != tensor.Float64 {
		return nil, errors.Errorf("nn: function loss: %v has the shape %v and type %v, want a vector of float64",
			w, w.Shape(), w.Dtype())
	}
	return Apply(&function{f, make([]float64, w.Shape()[0])}, Spec{Name: "FunctionLoss"}, w)
}

// function keeps the gradient that f writes along with the loss.
type function struct {
	f    func(w, grad []float64) float64
	grad []float64
}

func (m *function) Forward(out []float64, in [][]float64) { out[0] = m.f(in[0], m.grad) }

func (m *function) Backward(grads, _ [][]float64, _, dout []float64) {
	for i, g := range m.grad {
		grads[0][i] = dout[0] * g
	}
}
