package nn_test

import (
	"math"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/experiment/nn"
	"github.com/l4-go/l4/internal/experiment/nn/nntest"
)

// TestFunctionLoss squares the loss, so that the gradient that comes from above is a factor.
func TestFunctionLoss(t *testing.T) {
	g := G.NewGraph()
	start := []float64{0.3, -1.2, 2}
	w := G.NewVector(g, G.Float64, G.WithName("w"), G.WithShape(3), G.WithValue(tensor.New(tensor.WithBacking(start))))
	calls := 0
	sines := func(w, grad []float64) float64 {
		calls++
		sum := 0.0
		for i, x := range w {
			sum += math.Sin(x)
			grad[i] = math.Cos(x)
		}
		return sum
	}
	loss := G.Must(G.Square(G.Must(nn.FunctionLoss(w, sines))))
	if _, err := G.Grad(loss, w); err != nil {
		t.Fatal(err)
	}
	e := &nntest.Evaluation{VM: G.NewTapeMachine(g, G.BindDualValues(w)), Loss: loss, Params: G.Nodes{w}}
	defer e.VM.Close()
	var want [3]float64 // each run adds to it
	for range 2 {       // the second has other weights
		got, grads := e.Run(t)
		sum := math.Sin(start[0]) + math.Sin(start[1]) + math.Sin(start[2])
		if math.Abs(got-sum*sum) > 1e-15 {
			t.Errorf("loss %v, want %v", got, sum*sum)
		}
		for i, x := range start {
			if want[i] += 2 * sum * math.Cos(x); math.Abs(grads[0][i]-want[i]) > 1e-14 {
				t.Errorf("gradient %v at element %d, want %v", grads[0][i], i, want[i])
			}
		}
		start[1] = 0.7
	}
	if calls != 2 {
		t.Errorf("%d calls in 2 runs", calls)
	}
}

func TestFunctionLossRefuses(t *testing.T) {
	g := G.NewGraph()
	for _, w := range []*G.Node{
		G.NewVector(g, G.Float32, G.WithName("narrow"), G.WithShape(3)),
		G.NewMatrix(g, G.Float64, G.WithName("matrix"), G.WithShape(3, 1)),
	} {
		if _, err := nn.FunctionLoss(w, nil); err == nil {
			t.Errorf("no error for %v", w)
		}
	}
}
