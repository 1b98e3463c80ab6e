package l4_test

import (
	"strings"
	"testing"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
)

// TestLossFloor: a constant that is added to the loss and to the floor does not change the steps.
func TestLossFloor(t *testing.T) {
	everyProblem(t, func(t *testing.T, p problem, newSolver newSolver) {
		want := newTrial(t, p, tensor.Float64, newSolver).run(30)
		for _, floor := range []float64{-3, 0.5, 100} {
			got := newTrial(
				t,
				shifted(p, floor),
				tensor.Float64,
				newSolver,
				l4.WithLossFloor(floor),
			).run(30)
			wantClose(t, weightsOf(got.model), weightsOf(want.model), 1e-6)
			if last := got.solver.Last(); last.Loss != got.losses[29] {
				t.Errorf("Info.Loss %v, read was %v", last.Loss, got.losses[29])
			}
		}
	})
}

// TestFloorMoves checks the floor and Lmin for sequences of losses.
func TestFloorMoves(t *testing.T) {
	for _, c := range []struct{ losses, floors, lmins []float64 }{
		{[]float64{2, -1}, []float64{0, -4}, []float64{1.5, 3}},            // by the range
		{[]float64{-5}, []float64{-10}, []float64{3.75}},                   // by the magnitude
		{[]float64{2, -1, -4 - 4e-6}, []float64{0, -4, -4}, nil},           // at the floor
		{[]float64{-5, -10 - 7e-6}, []float64{-10, 2 * (-10 - 7e-6)}, nil}, // the largest is -5
		{[]float64{-1, -3}, []float64{-2, -6}, []float64{0.75, 3}},
		{[]float64{1000, 10, -10}, []float64{0, 0, -1020}, []float64{750, 10, 1010}},
		{[]float64{2, 1, -2}, []float64{0, 0, -6}, []float64{1.5, 1, 4}},
		// Once lowered it moves on where the loss has come down to 0.3 of its range.
		{[]float64{2, -1, -2.19}, []float64{0, -4, -4}, nil},                       // 0.302 of it
		{[]float64{2, -1, -2.25}, []float64{0, -4, -6.5}, []float64{1.5, 3, 4.25}}, // 0.292
		{[]float64{2, 0.1}, []float64{0, 0}, nil},                                  // not lowered
		{[]float64{-5, -5, -9, -9}, []float64{-10, -10, -18, -18}, nil},            // by the magnitude
		{[]float64{10, -1, -11.9}, []float64{0, -12, -33.8}, nil},
	} {
		loss, p := gorgonia.NewF64(0), newParam("w", tensor.Float64, []int{1}, []float64{1})
		s := l4.NewL4Mom(valuer{loss})
		for i, l := range c.losses {
			info := stepOnce(t, s, loss, p, l, 1)
			if info.Floor != c.floors[i] || c.lmins != nil && info.LMin != c.lmins[i] {
				t.Errorf("losses %v, step %d: %+v", c.losses, i, info)
			}
		}
	}
	// With a factor of 0, Lmin moves by as much as the floor: from 0 to 12, cut to the loss above
	// it.
	loss, p := gorgonia.NewF64(0), newParam("w", tensor.Float64, []int{1}, []float64{1})
	s := l4.NewL4Mom(valuer{loss}, l4.WithInitFactor(0), l4.WithMinLossFactor(1))
	stepOnce(t, s, loss, p, 10, 1)
	if info := stepOnce(t, s, loss, p, -1, 1); info.Floor != -12 || info.LMin != 11 {
		t.Errorf("%+v", info)
	}
}

// TestFloorTolerance: a loss below a floor that moves, by up to 1e-6 of the range of losses, counts
// as at the floor.
func TestFloorTolerance(t *testing.T) {
	for _, largest := range []float64{1, 1e3} {
		for share, lowers := range map[float64]bool{0.9e-6: false, 1.1e-6: true} {
			loss, p := gorgonia.NewF64(0), newParam("w", tensor.Float64, []int{1}, []float64{1})
			s := l4.NewL4Mom(valuer{loss})
			stepOnce(t, s, loss, p, largest, 1)
			if info := stepOnce(t, s, loss, p, -share*largest, 1); (info.Floor < 0) != lowers {
				t.Errorf("%v of %v below: floor %v", share, largest, info.Floor)
			}
		}
	}
}

// TestBelowTheFloor: a loss below the floor is ErrNegativeLoss, which names the remedy, and does
// not change anything. A loss below the floor by rounding error only is not an error.
func TestBelowTheFloor(t *testing.T) {
	everySolver(t, func(t *testing.T, newSolver newSolver, dt tensor.Dtype) {
		loss := newScalar(dt)
		w := newParam("w", dt, []int{3}, ramp(3, 1))
		s := newSolver(valuer{loss}, l4.WithLossFloor(-1000))
		before := numbers(w.w)
		ulp := 0x1p-23
		if dt == tensor.Float64 {
			ulp = 0x1p-52
		}
		for _, c := range []struct {
			loss float64
			bad  bool
		}{{-1000 * (1 + 100*ulp), true}, {-2000, true}, {-1000 * (1 + 4*ulp), false},
			{-1000, false}, {-999, false}} {
			setNumbers(loss, []float64{c.loss})
			w.setGrad(ramp(3, 2))
			err := s.Step([]gorgonia.ValueGrad{w})
			if bad := errors.Is(err, l4.ErrNegativeLoss); bad != c.bad || !bad && err != nil {
				t.Errorf("loss %v: error %v", c.loss, err)
			}
			if c.bad {
				wantEqual(t, numbers(w.w), before)
				if !strings.Contains(err.Error(), "WithLossFloor") {
					t.Errorf("no remedy in %q", err)
				}
			}
		}
	})
}

// TestNegativeLossChangesNothing: ErrNegativeLoss leaves weights and gradients unchanged.
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

// TestOverflowAboveFloor: a loss too far above its floor is not finite.
func TestOverflowAboveFloor(t *testing.T) {
	w := newParam("w", tensor.Float64, []int{1}, []float64{1})
	s := l4.NewL4Adam(valuer{gorgonia.NewF64(1e308)}, l4.WithLossFloor(-1.7e308))
	if err := s.Step([]gorgonia.ValueGrad{w}); !errors.Is(err, l4.ErrNonFinite) {
		t.Errorf("error %v", err)
	}
}

// TestRoundedLoss: a loss that is below zero by rounding error only counts as zero.
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
