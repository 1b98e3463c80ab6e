package op_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/l4-go/l4/internal/op"
)

// TestDropoutValues: the share of dropped elements is about right, the other elements are scaled so
// that the mean stays, and the same seed drops the same elements.
func TestDropoutValues(t *testing.T) {
	const n, p = 10_000, 0.3
	source := rand.NewPCG(1, 2)
	m := op.NewDropout[float64](op.Dropout{Size: n, Probability: p, Source: source})
	in, out := [][]float64{slices.Repeat([]float64{2}, n)}, make([]float64, n)
	m.Forward(out, in)
	dropped := 0
	for _, y := range out {
		switch y {
		case 0:
			dropped++
		case 2 / (1 - p):
		default:
			t.Fatalf("output %v, want 0 or %v", y, 2/(1-p))
		}
	}
	if math.Abs(float64(dropped)/n-p) > 0.02 {
		t.Errorf("%d of %d dropped, want %v of them", dropped, n, p)
	}
	grad := make([]float64, n)
	m.Backward([][]float64{grad}, in, out, in[0])
	if !slices.Equal(grad, out) {
		t.Error("the gradient of a sum, doubled, is not the output for ones, doubled")
	}
	first := slices.Clone(out)
	if m.Forward(out, in); slices.Equal(out, first) {
		t.Error("two runs drop the same")
	}
	source.Seed(1, 2)
	if m.Forward(out, in); !slices.Equal(out, first) {
		t.Error("the same seed drops something else")
	}

	// In evaluation nothing is dropped, and nothing drawn.
	source.Seed(1, 2)
	m.(op.Trainable).SetTraining(false)
	m.Forward(out, in)
	m.Backward([][]float64{grad}, in, out, in[0])
	if !slices.Equal(out, in[0]) || !slices.Equal(grad, in[0]) {
		t.Error("dropped in evaluation")
	}
	m.(op.Trainable).SetTraining(true)
	if m.Forward(out, in); !slices.Equal(out, first) {
		t.Error("evaluation has drawn from the source")
	}
}
