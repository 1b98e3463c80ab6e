package l4_test

import (
	"math"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
)

func TestMaxLearnRate(t *testing.T) {
	everyProblem(t, func(t *testing.T, p problem, newSolver newSolver) {
		for name, opts := range map[string][]l4.Option{"bounded": nil,
			"plain": {l4.WithoutBound()}} {
			free := newTrial(t, p, tensor.Float64, newSolver, opts...).run(1).solver.Last()
			capped := newTrial(
				t,
				p,
				tensor.Float64,
				newSolver,
				append(opts, l4.WithMaxLearnRate(free.LearnRate/2))...).run(1).
				solver.Last()
			if capped.LearnRate != free.LearnRate/2 || capped.Reach != free.Reach {
				t.Errorf("%s: capped %+v, free %+v", name, capped, free)
			}
			wantEqual(
				t,
				weightsOf(
					newTrial(
						t,
						p,
						tensor.Float64,
						newSolver,
						append(opts, l4.WithMaxLearnRate(1e300))...).run(20).
						model,
				),
				weightsOf(newTrial(t, p, tensor.Float64, newSolver, opts...).run(20).model),
			)
		}
	})
}

// TestNegativeRateIsCapped: if g has a separate time scale, gᵀv and the rate can be negative, and
// the cap limits their magnitude.
func TestNegativeRateIsCapped(t *testing.T) {
	w := newParam("w", tensor.Float64, []int{1}, []float64{0})
	s := l4.NewL4Mom(
		valuer{gorgonia.NewF64(1)},
		l4.WithGradientTime(1),
		l4.WithMaxLearnRate(0.1),
		l4.WithoutBound(),
	)
	for _, g := range []float64{1, -1e-3} {
		w.setGrad([]float64{g})
		if err := s.Step([]gorgonia.ValueGrad{w}); err != nil {
			t.Fatal(err)
		}
	}
	if eta := s.Last().LearnRate; eta != -0.1 {
		t.Errorf("learning rate %v, want -0.1", eta)
	}
}

// TestRateAboveFloat32: a learning rate above the largest float32 counts as the largest float32, so
// that weights stay finite.
func TestRateAboveFloat32(t *testing.T) {
	loss, p := gorgonia.NewF64(0), newParam("w", tensor.Float32, []int{2}, []float64{1, 2})
	stepOnce(
		t,
		l4.NewL4Mom(valuer{loss}, l4.WithoutBound(), l4.WithEpsilon(0)),
		loss,
		p,
		1,
		1e-30,
		0,
	)
	if w := numbers(p.w); !(math.Abs(w[0]) < 1e9) || w[1] != 2 {
		t.Errorf("weights %v", w)
	}
}

// TestNegativeRateBelowFloat32 is TestRateAboveFloat32 for a negative rate.
func TestNegativeRateBelowFloat32(t *testing.T) {
	loss, p := gorgonia.NewF64(0), newParam("w", tensor.Float32, []int{2}, []float64{1, 2})
	s := l4.NewL4Mom(valuer{loss}, l4.WithoutBound(), l4.WithEpsilon(0), l4.WithGradientTime(1))
	stepOnce(t, s, loss, p, 1, 1e-30, 0)
	if info := stepOnce(t, s, loss, p, 1, -1e-33, 0); !(info.LearnRate < -1e39) {
		t.Fatalf("%+v", info)
	}
	if w := numbers(p.w); math.IsNaN(w[0]) || math.IsInf(w[0], 0) || w[1] != 2 {
		t.Errorf("weights %v", w)
	}
}

// TestRateOfNothing: if the loss, the gradients and ε are 0, the rate would be 0/0, and the weights
// stay.
func TestRateOfNothing(t *testing.T) {
	everySolver(t, func(t *testing.T, newSolver newSolver, dt tensor.Dtype) {
		loss, p := gorgonia.NewF64(0), newParam("w", dt, []int{2}, []float64{1, 2})
		s := newSolver(valuer{loss}, l4.WithoutBound(), l4.WithEpsilon(0))
		if info := stepOnce(t, s, loss, p, 0, 0, 0); info.LearnRate != 0 {
			t.Errorf("%+v", info)
		}
		wantEqual(t, numbers(p.w), []float64{1, 2})
	})
}

// TestInfiniteRate: a rate that overflows becomes the largest number, also with a schedule without
// a cap, so that it can be saved and loaded.
func TestInfiniteRate(t *testing.T) {
	opts := []l4.Option{l4.WithoutBound(), l4.WithEpsilon(0),
		l4.WithMaxLearnRateSchedule(func(int) float64 { return math.Inf(1) })}
	loss, p := gorgonia.NewF64(0), newParam("w", tensor.Float64, []int{1}, []float64{1})
	s := l4.NewL4Mom(valuer{loss}, opts...)
	if info := stepOnce(t, s, loss, p, 1, 1e-170); info.LearnRate != math.MaxFloat64 {
		t.Errorf("%+v", info)
	}
	data, err := s.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	if err := l4.NewL4Mom(valuer{loss}, opts...).UnmarshalBinary(data); err != nil {
		t.Error(err)
	}
}
