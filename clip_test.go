package l4_test

import (
	"math"
	"testing"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
)

// TestClip: the direction equals the direction for gradients that the test has clipped, first the
// elements and then the norm.
func TestClip(t *testing.T) {
	elements := func(g []float64, c float64) []float64 {
		out := make([]float64, len(g))
		for i, x := range g {
			out[i] = max(-c, min(c, x))
		}
		return out
	}
	norm := func(g []float64, c float64) []float64 {
		return scaled(g, min(1, c/math.Sqrt(dot(g, g))))
	}
	for name, newSolver := range solvers {
		t.Run(name, func(t *testing.T) {
			direction := func(byHand func(g []float64) []float64, opts ...l4.Option) []float64 {
				w := newParam("w", tensor.Float64, []int{6}, make([]float64, 6))
				s := newSolver(valuer{gorgonia.NewF64(1)}, opts...)
				for _, scale := range []float64{1, -0.3, 2} {
					w.setWeight(make([]float64, 6))
					w.setGrad(byHand(scaled([]float64{-5, 0.1, 3, 0, -0.2, 1e30}, scale)))
					if err := s.Step([]gorgonia.ValueGrad{w}); err != nil {
						t.Fatal(err)
					}
				}
				return scaled(numbers(w.w), -1/s.Last().LearnRate)
			}
			raw := func(g []float64) []float64 { return g }
			for _, c := range []struct {
				byHand func(g []float64) []float64
				opts   []l4.Option
			}{
				{func(g []float64) []float64 {
					return elements(g, 1)
				}, []l4.Option{l4.WithClip(1)}},
				{func(g []float64) []float64 {
					return norm(g, 1)
				}, []l4.Option{l4.WithClipNorm(1)}},
				{func(g []float64) []float64 {
					return norm(elements(g, 2), 1)
				}, []l4.Option{l4.WithClipNorm(1), l4.WithClip(2)}},
				{raw, []l4.Option{l4.WithClipNorm(1e31), l4.WithClip(1e31)}},
			} {
				wantClose(t, direction(raw, c.opts...), direction(c.byHand), 1e-12)
			}
		})
	}
}

// TestClippedSlope: if clipping scales all gradients by the same factor, the step is as long as
// without clipping.
func TestClippedSlope(t *testing.T) {
	step := func(opts ...l4.Option) []float64 {
		w := newParam("w", tensor.Float64, []int{4}, make([]float64, 4))
		s := l4.NewL4Mom(valuer{gorgonia.NewF64(1)}, opts...)
		for range 5 {
			w.setGrad([]float64{3, 3, -3, 3})
			if err := s.Step([]gorgonia.ValueGrad{w}); err != nil {
				t.Fatal(err)
			}
		}
		return numbers(w.w)
	}
	want := step()
	wantClose(t, step(l4.WithClip(1e-3)), want, 1e-6)
	wantClose(t, step(l4.WithClipNorm(1e-3)), want, 1e-6)
}

// TestClipLeavesWeightsAlone: clipping does not read the weights, and L1 needs only a finite sum of
// their magnitudes.
func TestClipLeavesWeightsAlone(t *testing.T) {
	for name, opt := range map[string]l4.Option{"clip": l4.WithClip(1),
		"clip norm": l4.WithClipNorm(1), "L1": l4.WithL1Reg(1)} {
		w := newParam("w", tensor.Float64, []int{2}, []float64{1e200, 1})
		w.setGrad([]float64{1, 1})
		if err := l4.NewL4Adam(valuer{gorgonia.NewF64(1)},
			opt).Step([]gorgonia.ValueGrad{w}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestZeroGradientIsNotClipped: if all gradients are 0, the share that clipping leaves is 1.
func TestZeroGradientIsNotClipped(t *testing.T) {
	run := func(opts ...l4.Option) float64 {
		w := newParam("w", tensor.Float64, []int{1}, []float64{1})
		s := l4.NewL4Mom(valuer{gorgonia.NewF64(1)}, append(opts, l4.WithMomentumTime(1))...)
		for _, g := range []float64{0.5, 0, 0.5} {
			w.setGrad([]float64{g})
			if err := s.Step([]gorgonia.ValueGrad{w}); err != nil {
				t.Fatal(err)
			}
		}
		return s.Last().LearnRate
	}
	if got, want := run(l4.WithClip(1)), run(); got != want {
		t.Errorf("learning rate %v, without clipping %v", got, want)
	}
}

// TestShapingOverflow: Step rejects gradients whose norm overflows, a penalty that is not finite,
// and a penalty that makes a gradient too large.
func TestShapingOverflow(t *testing.T) {
	everySolver(t, func(t *testing.T, newSolver newSolver, dt tensor.Dtype) {
		largest := math.MaxFloat32
		if dt == tensor.Float64 {
			largest = math.MaxFloat64
		}
		for name, c := range map[string]struct {
			w, g float64
			opt  l4.Option
			bad  bool
		}{
			"clipped to size":     {1, largest / 2, l4.WithClip(1), dt == tensor.Float64},
			"norm brought down":   {1, largest / 2, l4.WithClipNorm(1), dt == tensor.Float64},
			"infinite":            {1, math.Inf(1), l4.WithClip(1), true},
			"not a number":        {1, math.NaN(), l4.WithClip(1), true},
			"infinite weight":     {math.Inf(-1), 1, l4.WithL2Reg(1), true},
			"infinite weight, L1": {math.Inf(-1), 1, l4.WithL1Reg(1), true},
			"large weight":        {largest / 2, 1, l4.WithL2Reg(1), true},
			"large gradient":      {1, largest / 2, l4.WithL2Reg(1), true},
		} {
			w := newParam("w", dt, []int{3}, []float64{1, c.w, 1})
			w.setGrad([]float64{1, 1, c.g})
			before := numbers(w.w)
			err := newSolver(valuer{gorgonia.NewF64(1)}, c.opt).Step([]gorgonia.ValueGrad{w})
			if bad := errors.Is(err, l4.ErrNonFinite); bad != c.bad || !bad && err != nil {
				t.Errorf("%s: error %v", name, err)
			}
			if c.bad {
				wantEqual(t, numbers(w.w), before)
				wantEqual(t, numbers(w.g), make([]float64, 3))
			}
		}
	})
}

// TestClipAfterZeroGradient: in a step with zero gradients the share is 1, whatever it was in the
// last step.
func TestClipAfterZeroGradient(t *testing.T) {
	loss, p := gorgonia.NewF64(0), newParam("w", tensor.Float64, []int{1}, []float64{1})
	s := l4.NewL4Mom(
		valuer{loss},
		l4.WithoutBound(),
		l4.WithClip(1),
		l4.WithMomentumTime(2),
		l4.WithEpsilon(0),
	)
	stepOnce(t, s, loss, p, 1, 10) // a tenth of the slope is left
	info := stepOnce(t, s, loss, p, 1, 0)
	kept := (0.25*0.1 + 0.5*1) / 0.75
	want := 0.15 * (1 - 0.9*info.LMin) * kept / info.InnerProduct
	if math.Abs(info.LearnRate/want-1) > 1e-12 {
		t.Errorf("rate %v, want %v", info.LearnRate, want)
	}
}
