package l4_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
)

// TestGuardedTrust: while the guard trusts the steps they are those of a solver without it, to the bit.
func TestGuardedTrust(t *testing.T) {
	for name, newSolver := range solverMatrix {
		for _, dt := range dtypes {
			t.Run(fmt.Sprintf("%s/%v", name, dt), func(t *testing.T) {
				trusted := 0
				for _, p := range problems {
					plain, guarded := newTrial(t, p, dt, newSolver), newTrial(t, p, dt, newSolver, l4.WithGuard())
					for guarded.run(1).solver.Last().Trust == 1 && len(guarded.losses) < 30 {
						wantEqual(t, weightsOf(guarded.model), weightsOf(plain.run(1).model))
						trusted++
					}
				}
				if trusted < 12 {
					t.Errorf("only %d trusted steps", trusted)
				}
			})
		}
	}
}

// TestSlopeRatio compares the ratio that the passes compute with its definition: the gradient's inner product with the
// last direction, over the last gᵀv. In Adam's direction the squares' average is the present one.
func TestSlopeRatio(t *testing.T) {
	for name, newSolver := range solvers {
		for _, dt := range dtypes {
			t.Run(fmt.Sprintf("%s/%v", name, dt), func(t *testing.T) {
				tr := newTrial(t, problems["linear net"], dt, newSolver, l4.WithGuard())
				var mean, square, v []float64
				for step := 1; step <= 25; step++ {
					tr.eval()
					var g []float64
					for _, p := range tr.model {
						g = append(g, numbers(p.g)...)
					}
					before, last := weightsOf(tr.model), tr.solver.Last()
					if err := tr.solver.Step(valueGrads(tr.model)); err != nil {
						t.Fatal(err)
					}
					if step == 1 {
						mean, square = make([]float64, len(g)), make([]float64, len(g))
					}
					if name == "L4Adam" {
						v = make([]float64, len(g))
						for i := range g {
							square[i] += (g[i]*g[i] - square[i]) / 1000
							root := math.Sqrt(square[i]/(1-math.Pow(0.999, float64(step)))) + 1e-4
							v[i] = mean[i] / (1 - math.Pow(0.9, float64(step-1))) / root
							mean[i] += (g[i] - mean[i]) / 10
						}
					}
					got := tr.solver.Last()
					want := 0.0
					if step > 1 {
						want = max(-1, min(dot(g, v)/last.InnerProduct, 1))
					}
					if math.Abs(got.SlopeRatio-want) > 1e-3 {
						t.Errorf("step %d: slope ratio %v, want %v", step, got.SlopeRatio, want)
					}
					v = nil
					for i, w := range weightsOf(tr.model) {
						v = append(v, (before[i]-w)/got.LearnRate)
					}
				}
			})
		}
	}
}

// disturbed is a problem whose loss and gradient are changed at each step, counted from 1.
func disturbed(p problem, change func(step int, loss float64, grad []float64) float64) problem {
	step, loss := 0, p.loss
	p.loss = func(w, grad []float64) float64 {
		step++
		return change(step, loss(w, grad), grad)
	}
	return p
}

// TestGuardKeepsFromDiverging runs what plain L4 does not survive, and what it wanders about in.
func TestGuardKeepsFromDiverging(t *testing.T) {
	const steps = 2500
	for name, c := range map[string]struct {
		opts   []l4.Option
		change func(step int, loss float64, grad []float64) float64
		excess float64 // largest mean excess of the last steps with the guard
		plain  bool    // whether plain L4 fails to stay below a thousand times that
	}{
		"a constant":               {nil, func(_ int, l float64, _ []float64) float64 { return l + 1 }, 0.01, false},
		"a constant, α 0.25":       {[]l4.Option{l4.WithFraction(0.25)}, func(_ int, l float64, _ []float64) float64 { return l + 1 }, 0.02, true},
		"200 zero gradients":       {nil, zeroFrom(100, 300), 1e-6, true},
		"30 zero gradients":        {nil, zeroFrom(100, 130), 1e-6, false},
		"the loss times a million": {nil, func(s int, l float64, _ []float64) float64 { return l * math.Pow(1e6, float64((s%500)/499)) }, 0.01, false},
		"gradients times thousand, a constant": {nil, func(s int, l float64, g []float64) float64 {
			copy(g, scaled(g, math.Pow(1000, float64((s%97)/96))))
			return l + 1
		}, 0.5, false},
	} {
		for solverName, newSolver := range solvers {
			t.Run(name+"/"+solverName, func(t *testing.T) {
				run := func(opts ...l4.Option) (excess float64) {
					p := disturbed(problems["quadratic"], c.change)
					tr := newTrial(t, p, tensor.Float64, newSolver, append(opts, c.opts...)...)
					for step := range steps {
						tr.eval()
						if err := tr.solver.Step(valueGrads(tr.model)); err != nil {
							return math.Inf(1)
						}
						w := weightsOf(tr.model)
						if step >= steps*9/10 {
							excess += quadratic(w, make([]float64, len(w))) / (steps / 10)
						}
					}
					return excess
				}
				guarded, plain := run(l4.WithGuard()), run()
				t.Logf("mean excess %.2g with guard, %.2g without", guarded, plain)
				if !(guarded <= c.excess) {
					t.Errorf("mean excess of the loss %v, want %v", guarded, c.excess)
				}
				if c.plain && plain < 1000*c.excess {
					t.Errorf("the problem is too easy: without guard the excess is %v", plain)
				}
			})
		}
	}
}

func zeroFrom(from, to int) func(step int, loss float64, grad []float64) float64 {
	return func(step int, loss float64, grad []float64) float64 {
		if from <= step && step < to {
			clear(grad)
		}
		return loss
	}
}

// sparse is a quadratic of which each step sees one weight, in turn.
func sparse(n int) problem {
	step := 0
	p := problem{shapes: [][]int{{n}}, start: make([]float64, n)}
	for i := range p.start {
		p.start[i] = 1
	}
	p.loss = func(w, grad []float64) float64 {
		k := step % n
		step++
		clear(grad)
		grad[k] = w[k]
		return w[k] * w[k] / 2
	}
	return p
}

// TestGuardOnSparseGradients: a gradient orthogonal to the last direction is not taken for none.
func TestGuardOnSparseGradients(t *testing.T) {
	plain := over(func() gorgonia.Solver { return gorgonia.NewVanillaSolver() })
	for name, newSolver := range map[string]newSolver{"L4Mom": solvers["L4Mom"], "L4(vanilla)": plain} {
		tr := newTrial(t, sparse(4), tensor.Float64, newSolver, l4.WithGuard(), l4.WithMomentumTime(1))
		moved := 0
		for range 100 {
			before := weightsOf(tr.model)
			for i, w := range weightsOf(tr.run(1).model) {
				if w != before[i] {
					moved++
					break
				}
			}
		}
		if moved < 95 {
			t.Errorf("%s: moved in %d of 100 steps", name, moved)
		}
	}
}

// TestGuardedInnerLearnRate: with a guard, too, the inner learning rate does not matter, even if some directions lead

// uphill, and a run that is saved and loaded goes on to the bit.
func TestGuardedInnerLearnRate(t *testing.T) {
	lowest := 1.0
	record := l4.WithRecorder(func(i l4.Info) { lowest = min(lowest, i.Trust) })
	run := func(rate float64, reload bool) *trial {
		step := 0
		inner := func() gorgonia.Solver {
			return direction(func(w, g []float64) {
				step++
				r := rate
				if step%7 == 0 {
					r = -rate
				}
				for i := range w {
					w[i] -= r * g[i]
				}
			})
		}
		noise := rand.New(rand.NewPCG(1, 2))
		p := disturbed(problem{shapes: [][]int{{10}}, start: ramp(10, 1), loss: quadratic}, func(_ int, loss float64, grad []float64) float64 {
			for i := range grad {
				grad[i] += noise.NormFloat64()
			}
			return loss + 1
		})
		tr := newTrial(t, p, tensor.Float64, over(func() gorgonia.Solver { return saved{inner()} }), l4.WithGuard(), l4.WithFraction(0.45), record).run(60)
		if reload {
			data, err := tr.solver.(saver).MarshalBinary()
			if err != nil {
				t.Fatal(err)
			}
			tr.solver = l4.New(valuer{tr.loss}, saved{inner()}, l4.WithGuard(), l4.WithFraction(0.45))
			if err := tr.solver.(saver).UnmarshalBinary(data); err != nil {
				t.Fatal(err)
			}
		}
		return tr.run(60)
	}
	want := run(1, false)
	if lowest == 1 {
		t.Error("the guard had nothing to do")
	}
	for _, rate := range []float64{1e-2, 1e-6} {
		wantClose(t, weightsOf(run(rate, false).model), weightsOf(want.model), 1e-5)
	}
	wantEqual(t, weightsOf(run(1, true).model), weightsOf(want.model))
}

// saved is a solver with no state of its own to save.
type saved struct{ gorgonia.Solver }

func (saved) MarshalBinary() ([]byte, error) { return nil, nil }
func (saved) UnmarshalBinary([]byte) error   { return nil }

// TestGuardAfterInnerFailure: the step after one in which the inner solver failed has no slope ratio.
func TestGuardAfterInnerFailure(t *testing.T) {
	inner := &faulty{how: func() error { return errors.New("as told") }}
	tr := newTrial(t, problems["quadratic"], tensor.Float64, over(func() gorgonia.Solver { return inner }), l4.WithGuard()).run(2)
	if tr.solver.Last().SlopeRatio == 0 {
		t.Error("no slope ratio before the failure")
	}
	tr.eval()
	if tr.solver.Step(valueGrads(tr.model)) == nil {
		t.Fatal("no error")
	}
	if r := tr.run(1).solver.Last().SlopeRatio; r != 0 {
		t.Errorf("slope ratio %v with a direction that is lost", r)
	}
	if tr.run(1).solver.Last().SlopeRatio == 0 {
		t.Error("no slope ratio in the second step after the failure")
	}
}

// TestGuardScale: the slope ratio does not depend on the scale of the loss, as far as gradients are normal numbers.
func TestGuardScale(t *testing.T) {
	for _, dt := range dtypes {
		ratio := func(scale float64) float64 {
			w := newParam("w", dt, []int{2}, []float64{0, 0})
			s := l4.NewL4Mom(valuer{gorgonia.NewF64(scale)}, l4.WithGuard(), l4.WithEpsilon(0))
			for _, g := range []float64{1, 0.4} {
				w.setWeight([]float64{0, 0})
				w.setGrad([]float64{g * scale, scale})
				if err := s.Step([]gorgonia.ValueGrad{w}); err != nil {
					t.Fatal(err)
				}
			}
			return s.Last().SlopeRatio
		}
		for _, scale := range []float64{1e-34, 1e-20, 1, 1e15} {
			if got := ratio(scale); math.Abs(got-0.7) > 1e-6 {
				t.Errorf("%v: slope ratio %v at a scale of %v, want 0.7", dt, got, scale)
			}
		}
	}
}
