package layer_test

import (
	"fmt"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/experiment/layer"
	"github.com/l4-go/l4/internal/op/optest"
)

// convSize is the size of a convolution.
type convSize struct{ batch, height, width, in, out, k, stride int }

// training returns a batch norm for training.
func training(scale, shift *G.Node) layer.BatchNorm {
	return layer.BatchNorm{Scale: scale, Shift: shift, Training: true,
		Statistics: layer.NewStatistics(scale.Shape()[0])}
}

func TestConvNorm(t *testing.T) {
	for _, s := range []convSize{
		{2, 4, 4, 1, 3, 3, 1}, {3, 5, 4, 2, 2, 3, 2}, {9, 2, 3, 1, 1, 5, 1},
		{2, 4, 5, 2, 17, 3, 2}, {3, 6, 6, 1, 2, 5, 2},
	} {
		t.Run(fmt.Sprint(s), func(t *testing.T) {
			optest.Operation{
				Shapes: []tensor.Shape{{s.batch, s.height, s.width, s.in}, {s.k, s.k, s.in, s.out},
					{s.out}, {s.out}},
				Params: 4,
				Loss: func(n G.Nodes) (*G.Node, error) {
					return optest.Weighted(
						layer.ConvNorm(n[0], n[1], training(n[2], n[3]), s.stride, false))
				},
			}.Check(t)
		})
	}
}

func TestResidual(t *testing.T) {
	for _, s := range []convSize{
		{2, 4, 4, 2, 2, 3, 1}, {3, 4, 4, 2, 4, 3, 2}, {9, 3, 2, 1, 1, 3, 1}, {2, 5, 4, 1, 4, 3, 2},
		{3, 5, 5, 2, 2, 3, 2}, {2, 3, 4, 1, 2, 3, 1}, {2, 5, 6, 1, 2, 5, 2},
	} {
		t.Run(fmt.Sprint(s), func(t *testing.T) {
			optest.Operation{
				Shapes: []tensor.Shape{{s.k, s.k, s.in, s.out}, {s.out}, {s.out},
					{s.k, s.k, s.out, s.out}, {s.out}, {s.out},
					{s.batch, s.height, s.width, s.in}},
				Params: 7,
				Loss: func(n G.Nodes) (*G.Node, error) {
					return optest.Weighted(layer.Residual(n[6], n[0], training(n[1], n[2]),
						n[3], training(n[4], n[5]), s.stride))
				},
			}.Check(t)
		})
	}
}

func TestNormRejects(t *testing.T) {
	g := G.NewGraph()
	node := func(shape ...int) *G.Node {
		return G.NewTensor(g, tensor.Float32, len(shape), G.WithShape(shape...),
			G.WithName(fmt.Sprint(shape)))
	}
	x, w, wide, c2, c3 := node(2, 4, 4, 2), node(3, 3, 2, 3), node(3, 3, 3, 3), node(2), node(3)
	good := training(c3, c3)
	for name, b := range map[string]layer.BatchNorm{
		"scale":         {Scale: c2, Shift: c3, Statistics: layer.NewStatistics(3)},
		"shift":         {Scale: c3, Shift: c2, Statistics: layer.NewStatistics(3)},
		"no statistics": {Scale: c3, Shift: c3},
		"statistics":    {Scale: c3, Shift: c3, Statistics: layer.NewStatistics(2)},
	} {
		if _, err := layer.ConvNorm(x, w, b, 1, false); err == nil {
			t.Errorf("%s: no error from a convolution", name)
		}
		if _, err := layer.Residual(x, w, good, wide, b, 1); err == nil {
			t.Errorf("%s: no error from a residual block", name)
		}
	}
	for _, stride := range []int{0, 3} {
		if _, err := layer.ConvNorm(x, w, good, stride, false); err == nil {
			t.Errorf("no error for stride %d", stride)
		}
	}
	evaluation := good
	evaluation.Training = false
	if _, err := layer.Residual(x, w, good, wide, evaluation, 1); err == nil {
		t.Error("no error for a block in training and evaluation")
	}
	if _, err := layer.Residual(x, w, good, node(5, 5, 3, 3), good, 1); err == nil {
		t.Error("no error for second weights of another size")
	}
	if _, err := layer.Residual(node(1, 4, 4, 3), node(3, 3, 3, 2), good, node(3, 3, 2, 2), good,
		1); err == nil {
		t.Error("no error for fewer channels")
	}
}
