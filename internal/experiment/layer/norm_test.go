package layer_test

import (
	"fmt"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/experiment/layer"
	"github.com/l4-go/l4/internal/op/optest"
)

func convNormOperation(batch, height, width, in, out, k, stride int) optest.Operation {
	return optest.Operation{
		Shapes: []tensor.Shape{{batch, height, width, in}, {k, k, in, out}, {out}, {out}},
		Params: 4,
		Loss: func(n G.Nodes) (*G.Node, error) {
			b := layer.BatchNorm{Scale: n[2], Shift: n[3], Statistics: layer.NewStatistics(out),
				Training: true}
			return optest.Weighted(layer.ConvNorm(n[0], n[1], b, stride, false))
		},
	}
}

func TestConvNorm(t *testing.T) {
	for _, s := range [][7]int{
		{2, 4, 4, 1, 3, 3, 1}, {3, 5, 4, 2, 2, 3, 2}, {9, 2, 3, 1, 1, 5, 1},
		{2, 4, 5, 2, 17, 3, 2}, {3, 6, 6, 1, 2, 5, 2},
	} {
		t.Run(fmt.Sprint(s), func(t *testing.T) {
			convNormOperation(s[0], s[1], s[2], s[3], s[4], s[5], s[6]).Check(t)
		})
	}
}

func residualOperation(batch, height, width, in, out, k, stride int) optest.Operation {
	return optest.Operation{
		Shapes: []tensor.Shape{{k, k, in, out}, {out}, {out}, {k, k, out, out}, {out}, {out},
			{batch, height, width, in}},
		Params: 7,
		Loss: func(n G.Nodes) (*G.Node, error) {
			norm1 := layer.BatchNorm{Scale: n[1], Shift: n[2], Statistics: layer.NewStatistics(out),
				Training: true}
			norm2 := layer.BatchNorm{Scale: n[4], Shift: n[5], Statistics: layer.NewStatistics(out),
				Training: true}
			return optest.Weighted(layer.Residual(n[6], n[0], norm1, n[3], norm2, stride))
		},
	}
}

func TestResidual(t *testing.T) {
	for _, s := range [][7]int{
		{2, 4, 4, 2, 2, 3, 1}, {3, 4, 4, 2, 4, 3, 2}, {9, 3, 2, 1, 1, 3, 1}, {2, 5, 4, 1, 4, 3, 2},
		{3, 5, 5, 2, 2, 3, 2}, {2, 3, 4, 1, 2, 3, 1}, {2, 5, 6, 1, 2, 5, 2},
	} {
		t.Run(fmt.Sprint(s), func(t *testing.T) {
			residualOperation(s[0], s[1], s[2], s[3], s[4], s[5], s[6]).Check(t)
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
	good := layer.BatchNorm{
		Scale: c3, Shift: c3, Statistics: layer.NewStatistics(3), Training: true,
	}
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
