package layer_test

import (
	"fmt"
	"slices"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/experiment/layer"
	"github.com/l4-go/l4/internal/op/optest"
)

func TestConvPool(t *testing.T) {
	for _, s := range []struct{ batch, height, width, in, out, k int }{
		{2, 4, 4, 1, 3, 3}, {1, 5, 4, 2, 2, 3}, {3, 2, 3, 3, 1, 5}, {10, 2, 2, 1, 2, 3},
		{1, 4, 6, 2, 17, 3},
	} {
		t.Run(fmt.Sprint(s), func(t *testing.T) {
			optest.Operation{
				Shapes: []tensor.Shape{
					{s.batch, s.height, s.width, s.in}, {s.k, s.k, s.in, s.out}, {s.out},
				},
				Params: 3,
				Loss: func(n G.Nodes) (*G.Node, error) {
					return optest.Weighted(layer.ConvPool(n[0], n[1], n[2], false))
				},
			}.Check(t)
		})
	}
}

// TestConvPoolValues: for an image with one nonzero pixel the output is the reversed filter,
// rectified and pooled.
func TestConvPoolValues(t *testing.T) {
	var y *G.Node
	e := optest.Operation{
		Shapes: []tensor.Shape{{1, 4, 4, 1}, {3, 3, 1, 1}, {1}},
		Params: 3,
		Loss: func(n G.Nodes) (*G.Node, error) {
			y = G.Must(layer.ConvPool(n[0], n[1], n[2], false))
			return optest.Weighted(y, nil)
		},
	}.Build(t, tensor.Float64)
	set := func(i int, xs ...float64) { copy(e.Inputs[i].Value().(*tensor.Dense).Float64s(), xs) }
	set(0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0) // in row 1, column 1
	set(1, 1, 2, 3, 4, 5, 6, 7, 8, -9)
	set(2, -2)
	e.Run(t)
	// The convolution without bias is -9 8 7, 6 5 4, 3 2 1 in the first three rows and columns, and
	// 0 elsewhere.
	if got := optest.Floats(y.Value()); !slices.Equal(got, []float64{6, 5, 1, 0}) {
		t.Errorf("output %v, want 6 5 1 0", got)
	}
}

func TestConvPoolRejects(t *testing.T) {
	for name, shapes := range map[string][]tensor.Shape{
		"even filter":      {{1, 4, 4, 1}, {2, 2, 1, 3}, {3}},
		"filter of one":    {{1, 4, 4, 1}, {1, 1, 1, 3}, {3}},
		"oblong filter":    {{1, 4, 4, 1}, {3, 5, 1, 3}, {3}},
		"other channels":   {{1, 4, 4, 2}, {3, 3, 1, 3}, {3}},
		"bias":             {{1, 4, 4, 1}, {3, 3, 1, 3}, {2}},
		"image too small":  {{1, 1, 4, 1}, {3, 3, 1, 3}, {3}},
		"images in a row":  {{1, 16}, {3, 3, 1, 3}, {3}},
		"weights too flat": {{1, 4, 4, 1}, {9, 3}, {3}},
	} {
		n := optest.Nodes(tensor.Float32, shapes...)
		if _, err := layer.ConvPool(n[0], n[1], n[2], false); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
