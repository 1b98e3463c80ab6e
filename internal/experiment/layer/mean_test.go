package layer_test

import (
	"math/rand/v2"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/experiment/layer"
	"github.com/l4-go/l4/internal/op/optest"
)

func TestMean(t *testing.T) {
	for _, shape := range []tensor.Shape{{2, 3, 4, 5}, {1, 1, 1, 1}, {3, 1, 2, 17}} {
		optest.Operation{
			Shapes: []tensor.Shape{shape},
			Params: 1,
			Loss:   func(n G.Nodes) (*G.Node, error) { return optest.Weighted(layer.Mean(n[0])) },
		}.Check(t)
	}
	g := G.NewGraph()
	if _, err := layer.Mean(G.NewMatrix(g, tensor.Float32, G.WithName("matrix"),
		G.WithShape(2, 3))); err == nil {
		t.Error("no error for a matrix")
	}
}

func TestDropoutRejects(t *testing.T) {
	g := G.NewGraph()
	x := G.NewMatrix(g, tensor.Float32, G.WithName("x"), G.WithShape(2, 3))
	for _, p := range []float64{-0.1, 1, 1.5} {
		if _, err := layer.Dropout(x, p, rand.NewPCG(1, 2)); err == nil {
			t.Errorf("no error for the probability %v", p)
		}
	}
}
