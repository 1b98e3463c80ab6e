package l4_test

import (
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
)

// TestWeightDecay: a step with decay is that without from weights multiplied by 1-λ, given the same
// loss and gradient.
func TestWeightDecay(t *testing.T) {
	const lambda = 0.01
	everySolver(t, func(t *testing.T, newSolver newSolver, dt tensor.Dtype) {
		step := func(opts ...l4.Option) ([]float64, l4.Info) {
			w := newParam("w", dt, []int{40}, ramp(40, 1))
			s := newSolver(valuer{gorgonia.NewF64(1)}, opts...)
			for range 3 {
				w.setWeight(ramp(40, 1))
				w.setGrad(ramp(40, 2))
				if err := s.Step([]gorgonia.ValueGrad{w}); err != nil {
					t.Fatal(err)
				}
			}
			return numbers(w.w), s.Last()
		}
		want, info := step(l4.WithoutBound()) // which goes by how far the weights have come
		got, decayed := step(l4.WithoutBound(), l4.WithWeightDecay(lambda))
		for i, x := range ramp(40, 1) {
			want[i] -= lambda * x
		}
		wantClose(t, got, want, 1e-5)
		if decayed != info {
			t.Errorf("Info %+v, without decay %+v", decayed, info)
		}
	})
}
