package layer_test

import (
	"math"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/experiment/layer"
	"github.com/l4-go/l4/internal/op/optest"
)

func TestL2(t *testing.T) {
	o := optest.Operation{
		Shapes: []tensor.Shape{{3, 4}, {5}, {2, 1, 2, 3}},
		Params: 3,
		Loss:   func(n G.Nodes) (*G.Node, error) { return layer.L2(0.3, n...) },
	}
	o.Check(t)
	e, want := o.Build(t, tensor.Float64), 0.0
	for _, p := range e.Params {
		for _, w := range optest.Floats(p.Value()) {
			want += 0.3 / 2 * w * w
		}
	}
	if loss, _ := e.Run(t); math.Abs(loss-want) > 1e-14*want {
		t.Errorf("penalty %v, want %v", loss, want)
	}
	for _, lambda := range []float64{-1, math.NaN()} {
		if _, err := layer.L2(lambda, e.Params...); err == nil {
			t.Errorf("no error for λ %v", lambda)
		}
	}
	if _, err := layer.L2(1); err == nil {
		t.Error("no error without weights")
	}
}
