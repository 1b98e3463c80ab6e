package paper

import (
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/op/optest"
)

func linearNetOperation(out, hidden, in, samples int) optest.Operation {
	return optest.Operation{
		Shapes: []tensor.Shape{{out, hidden}, {hidden, in}, {in, samples}, {out, samples}},
		Params: 2,
		Loss:   func(n G.Nodes) (*G.Node, error) { return LinearNetLoss(n[0], n[1], n[2], n[3]) },
	}
}

func TestLinearNetLoss(t *testing.T) {
	for _, o := range []optest.Operation{
		linearNetOperation(10, 6, 6, 6), linearNetOperation(1, 1, 1, 1),
		linearNetOperation(2, 3, 4, 5), linearNetOperation(5, 1, 3, 2),
	} {
		o.Check(t)
	}
	// The incoming gradient of the loss is a factor of the gradients.
	o := linearNetOperation(3, 2, 4, 5)
	plain := o.Loss
	o.Loss = func(n G.Nodes) (*G.Node, error) { return G.Square(G.Must(plain(n))) }
	o.Check(t)
}

// TestLinearNetLossNearZero: the smallest losses keep their precision.
func TestLinearNetLossNearZero(t *testing.T) {
	e := linearNetOperation(2, 2, 2, 2).Build(t, tensor.Float64)
	const d = 1.0 / (1 << 40)
	for i, xs := range [][]float64{{1, 2, 3, 4 + d}, {1, 0, 0, 1}, {1, 0, 0, 1}, {1, 2, 3, 4}} {
		copy(e.Inputs[i].Value().(*tensor.Dense).Float64s(), xs)
	}
	loss, grads := e.Run(t)
	if loss != d*d || grads[0][3] != 2*d || grads[1][1] != 6*d || grads[1][3] != 2*d*(4+d) {
		t.Errorf("loss %v, gradients %v of a residual of %v in one element", loss, grads, d)
	}
}

func TestLinearNetLossShapes(t *testing.T) {
	for _, shapes := range [][]tensor.Shape{
		{{2, 3}, {4, 5}, {5, 6}, {2, 6}}, {{2, 3}, {3, 5}, {4, 6}, {2, 6}},
		{{2, 3}, {3, 5}, {5, 6}, {3, 6}}, {{2, 3}, {3, 5}, {5, 6}, {2, 5}},
		{{2, 3}, {3, 5}, {5, 6}, {12}},
	} {
		n := optest.Nodes(tensor.Float64, shapes...)
		if _, err := LinearNetLoss(n[0], n[1], n[2], n[3]); err == nil {
			t.Errorf("no error for shapes %v", shapes)
		}
	}
}
