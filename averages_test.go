package l4_test

import (
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
)

// TestZeroAdamEpsilon: with an Adam epsilon of 0, a weight whose gradient is always 0 does not
// move, although its direction would be 0/0.
func TestZeroAdamEpsilon(t *testing.T) {
	for _, dt := range dtypes {
		w, idle := newParam(
			"w",
			dt,
			[]int{2},
			[]float64{1, 2},
		), newParam(
			"idle",
			dt,
			[]int{2},
			[]float64{3, 4},
		)
		s := l4.NewL4Adam(valuer{gorgonia.NewF64(1)}, l4.WithAdamEpsilon(0))
		for range 3 {
			w.setGrad([]float64{1, -1})
			if err := s.Step(valueGrads([]*param{w, idle})); err != nil {
				t.Fatal(err)
			}
		}
		wantEqual(t, numbers(idle.w), []float64{3, 4})
		if got := numbers(w.w); !(got[0] < 1 && got[1] > 2) {
			t.Errorf("%v: weights %v", dt, got)
		}
	}
}

// TestInfiniteDirection: a direction that overflows does not move the weights.
func TestInfiniteDirection(t *testing.T) {
	p := newParam("w", tensor.Float32, []int{2}, []float64{1, 2})
	s := l4.NewL4Adam(valuer{gorgonia.NewF64(1)}, l4.WithVarianceTime(1), l4.WithAdamEpsilon(0))
	for _, g := range []float64{1e19, 1e-22} {
		before := numbers(p.w)
		p.setGrad([]float64{g, g})
		if err := s.Step([]gorgonia.ValueGrad{p}); err != nil {
			t.Fatal(err)
		}
		if g < 1 {
			if s.Last().LearnRate != 0 {
				t.Fatalf("the direction is finite: %+v", s.Last())
			}
			wantEqual(t, numbers(p.w), before)
		}
		wantEqual(t, numbers(p.g), []float64{0, 0})
	}
}

// TestAveragesReachZero: if gradients stay zero, the averages become zero and do not remain
// subnormal numbers, which would make every step slower.
func TestAveragesReachZero(t *testing.T) {
	for what, opts := range map[string][]l4.Option{
		"mean":     nil,
		"estimate": {l4.WithMomentumTime(1000), l4.WithGradientTime(10)}, // g before v
	} {
		for name, newSolver := range solvers {
			t.Run(name+"/"+what, func(t *testing.T) {
				p := newParam("w", tensor.Float32, []int{3}, ramp(3, 1))
				p.setGrad([]float64{1, -2, 3})
				s := newSolver(valuer{gorgonia.NewF64(1)}, opts...)
				for range 1500 {
					if err := s.Step([]gorgonia.ValueGrad{p}); err != nil {
						t.Fatal(err)
					}
				}
				if dot := s.Last().InnerProduct; dot != 0 {
					t.Errorf("inner product %v", dot)
				}
			})
		}
	}
}
