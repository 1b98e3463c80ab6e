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

// TestNegativeRateIsCapped: with a time scale of its own g can point the other way, and then the
// rate is negative.
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

// TestRateAboveFloat32: a learning rate that float32 cannot hold is capped there, so that weights
// stay finite.
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
