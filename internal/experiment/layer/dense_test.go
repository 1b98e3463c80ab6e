package layer_test

import (
	"fmt"
	"runtime"
	"slices"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/experiment/layer"
	"github.com/l4-go/l4/internal/op/optest"
)

func denseOperation(batch, in, out int, rectified bool) optest.Operation {
	return optest.Operation{
		Shapes: []tensor.Shape{{batch, in}, {in, out}, {out}},
		Params: 3,
		Loss: func(n G.Nodes) (*G.Node, error) {
			return optest.Weighted(layer.Dense(n[0], n[1], n[2], rectified, false))
		},
	}
}

func TestDense(t *testing.T) {
	for _, rectified := range []bool{false, true} {
		for _, size := range [][3]int{{2, 3, 4}, {1, 5, 3}, {7, 1, 2}, {3, 2, 1}, {1, 1, 1},
			{5, 70, 3}, {67, 3, 2}} {
			t.Run(fmt.Sprintf("%v rectified=%v", size, rectified), func(t *testing.T) {
				denseOperation(size[0], size[1], size[2], rectified).Check(t)
			})
		}
	}
}

// TestDenseTwice: two layers with the same inputs but different options are different operations.
func TestDenseTwice(t *testing.T) {
	o := denseOperation(3, 4, 2, true)
	o.Loss = func(n G.Nodes) (*G.Node, error) {
		a, b := G.Must(layer.Dense(n[0], n[1], n[2], true, false)),
			G.Must(layer.Dense(n[0], n[1], n[2], false, false))
		return optest.Weighted(G.HadamardProd(a, b))
	}
	o.Check(t)
}

func TestDenseShapes(t *testing.T) {
	for _, shapes := range [][]tensor.Shape{
		{{2, 3}, {4, 5}, {5}}, {{2, 3}, {3, 5}, {3}}, {{2, 3}, {3, 5}, {1, 5}}, {{3}, {3, 5}, {5}},
	} {
		n := optest.Nodes(tensor.Float64, shapes...)
		if _, err := layer.Dense(n[0], n[1], n[2], true, false); err == nil {
			t.Errorf("no error for shapes %v", shapes)
		}
	}
}

// TestDenseProcessors: a layer that is large enough for several processors computes the same bits
// on any number of processors.
func TestDenseProcessors(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, dt := range []tensor.Dtype{tensor.Float32, tensor.Float64} {
		var want [][]float64
		for _, procs := range []int{1, 2, 4, 61, 100} {
			runtime.GOMAXPROCS(procs)
			loss, grads := denseOperation(61, 350, 250, true).Build(t, dt).Run(t)
			grads = append(grads, []float64{loss})
			if want == nil {
				want = grads
			}
			for k := range want {
				if !slices.Equal(grads[k], want[k]) {
					t.Errorf("%v: result %d changes with GOMAXPROCS %d", dt, k, procs)
				}
			}
		}
	}
}
