package l4_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
)

// TestNonFinite: a number that is not finite, wherever it is, is refused, changes nothing but the
// gradients, which become zero, and leaves no trace in the training that goes on.
func TestNonFinite(t *testing.T) {
	bad := func(dt tensor.Dtype) []float64 {
		overflow := 1e200
		if dt == tensor.Float32 {
			overflow = 1e20
		}
		return []float64{math.NaN(), math.Inf(1), math.Inf(-1), overflow, -overflow}
	}
	everySolver(t, func(t *testing.T, newSolver newSolver, dt tensor.Dtype) {
		train := func(poison func(loss bowl, model []*param)) []float64 {
			loss := newBowl()
			model := []*param{
				newParam("a", dt, []int{7, 3}, ramp(21, 1)),
				newParam("b", dt, []int{1}, ramp(1, 2)),
				newParam("c", dt, []int{12}, ramp(12, 3)),
			}
			s := newSolver(loss)
			for step := range 8 {
				if poison != nil &&
					(step == 0 || step == 4) { // before the first step there is no state yet
					before, info := weightsOf(model), did(s)
					stateBefore := stateOf(t, s)
					loss.eval(model, 1)
					poison(loss, model)
					if err := s.Step(valueGrads(model)); !errors.Is(err, l4.ErrNonFinite) {
						t.Errorf("error %v, want ErrNonFinite", err)
					}
					wantEqual(t, weightsOf(model), before)
					if stateOf(t, s) != stateBefore {
						t.Errorf("the solver's state changed, Last from %+v to %+v", info, did(s))
					}
					for _, p := range model {
						wantEqual(t, numbers(p.g), make([]float64, len(numbers(p.g))))
					}
				}
				loss.eval(model, 1)
				if err := s.Step(valueGrads(model)); err != nil {
					t.Fatal(err)
				}
			}
			return weightsOf(model)
		}
		want := train(nil)
		for _, x := range bad(dt) {
			for k := range 3 {
				for _, at := range []string{"first", "middle", "last"} {
					got := train(func(_ bowl, model []*param) {
						g := numbers(model[k].g)
						g[map[string]int{"first": 0, "middle": len(g) / 2,
							"last": len(g) - 1}[at]] = x
						model[k].setGrad(g)
					})
					t.Run(
						fmt.Sprintf("%v/%s of parameter %d", x, at, k),
						func(t *testing.T) { wantEqual(t, got, want) },
					)
				}
			}
		}
		for _, x := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
			wantEqual(t, train(func(loss bowl, _ []*param) { *loss.F64 = gorgonia.F64(x) }), want)
		}
	})
}

// TestLargestGradient: the largest gradient whose square is finite is a step, not an error.
func TestLargestGradient(t *testing.T) {
	everySolver(t, func(t *testing.T, newSolver newSolver, dt tensor.Dtype) {
		largest := math.Sqrt(math.MaxFloat64)
		if dt == tensor.Float32 {
			largest = float64(float32(math.Sqrt(math.MaxFloat32)))
		}
		model := []*param{newParam("w", dt, []int{20}, ramp(20, 1))}
		g := make([]float64, 20)
		for i := range g {
			g[i] = largest
		}
		s := newSolver(valuer{gorgonia.NewF64(1)})
		for range 3 {
			model[0].setGrad(g)
			if err := s.Step(valueGrads(model)); err != nil {
				t.Fatal(err)
			}
		}
		for i, w := range weightsOf(model) {
			if math.IsNaN(w) || math.IsInf(w, 0) {
				t.Errorf("weight %d is %v", i, w)
			}
		}
	})
}

// TestRoundedLoss: a loss that rounding has taken below zero counts as zero.
func TestRoundedLoss(t *testing.T) {
	for _, c := range []struct {
		loss gorgonia.Value
		ok   bool
	}{
		{gorgonia.NewF32(-1e-7), true}, {gorgonia.NewF32(-1.8e-6), true},
		{gorgonia.NewF32(-2e-6), false},
		{gorgonia.NewF64(-1e-16), true}, {gorgonia.NewF64(-3.5e-15), true},
		{gorgonia.NewF64(-3.6e-15), false},
	} {
		p := newParam("w", tensor.Float64, []int{2}, []float64{1, 2})
		p.setGrad([]float64{3, 4})
		s := l4.NewL4Adam(valuer{c.loss}, l4.WithLossFloor(0))
		if err := s.Step([]gorgonia.ValueGrad{p}); (err == nil) != c.ok {
			t.Errorf("%T %v: error %v", c.loss, c.loss, err)
		}
		if got := s.Last(); c.ok && (got.LearnRate != 0 || got.LMin != 0 || got.Loss >= 0) {
			t.Errorf("%T %v: %+v", c.loss, c.loss, got)
		}
	}
}

// TestNegativeLossChangesNothing: neither weights nor gradients.
func TestNegativeLossChangesNothing(t *testing.T) {
	loss, model := newBowl(), []*param{newParam("w", tensor.Float64, []int{4}, ramp(4, 1))}
	s := l4.NewL4Adam(loss, l4.WithLossFloor(0))
	loss.eval(model, 1)
	if err := s.Step(valueGrads(model)); err != nil {
		t.Fatal(err)
	}
	loss.eval(model, 1)
	before, grads, info := weightsOf(model), numbers(model[0].g), did(s)
	*loss.F64 = -1
	if err := s.Step(valueGrads(model)); !errors.Is(err, l4.ErrNegativeLoss) {
		t.Errorf("error %v", err)
	}
	wantEqual(t, weightsOf(model), before)
	wantEqual(t, numbers(model[0].g), grads)
	if did(s) != info {
		t.Errorf("Last: %+v", s.Last())
	}
}
