package l4_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
)

// boundReference is the rule of the bound over weights of one dtype, as its definition says it.
type boundReference struct {
	rho, alpha                   float64
	start                        []float64
	reach, path, average, record float64
	steps                        int
}

// TestBoundDefinition: the length of each step is what the definition says, through layouts, dtypes
// side by side, decay, penalties, skipped steps, and steps without length.
func TestBoundDefinition(t *testing.T) {
	for name, opts := range map[string][]l4.Option{
		"defaults": nil,
		"decay":    {l4.WithWeightDecay(1e-3)},
		"penalty":  {l4.WithL2Reg(0.01), l4.WithL1Reg(0.01)},
		"clip":     {l4.WithClipNorm(0.5)},
		"cap":      {l4.WithMaxLearnRate(1e-3)},
		"skip":     {l4.WithSkipNonFinite(5)},
	} {
		everySolver(t, func(t *testing.T, newSolver newSolver, dt tensor.Dtype) {
			r := rand.New(rand.NewPCG(1, 2))
			loss, model := newBowl(), mixedModel(dt)
			s := newSolver(loss, append([]l4.Option{l4.WithFraction(0.2)}, opts...)...)
			ref := boundReference{rho: 0.15 / math.Sqrt(19), alpha: 0.2}
			// How far float32 weights are from their start is known to their precision.
			tolerance := 1e-11
			if dt == tensor.Float32 {
				tolerance = 1e-5
			}
			for step := range 120 {
				loss.eval(model, 1)
				switch {
				case step < 3:
					*loss.F64 = 0 // no step has a length yet
				case step%17 == 5 && name == "skip":
					*loss.F64 = gorgonia.F64(math.NaN())
				default:
					*loss.F64 += gorgonia.F64(0.3 * r.Float64())
				}
				before, last := weightsOf(model), s.Last()
				if err := s.Step(valueGrads(model)); err != nil {
					t.Fatal(err)
				}
				info := s.Last()
				if info.Skipped > last.Skipped {
					continue
				}
				ref.check(t, info, before, tolerance)
				if t.Failed() {
					t.Fatalf("%s, step %d: %+v", name, step, info)
				}
			}
			if ref.steps < 80 {
				t.Errorf("%s: only %d steps of some length", name, ref.steps)
			}
		})
	}
}

// check takes a step in, which went from the given weights.
func (b *boundReference) check(t *testing.T, info l4.Info, before []float64, tolerance float64) {
	t.Helper()
	close := func(what string, got, want float64) {
		t.Helper()
		if !(math.Abs(got-want) <= tolerance*(1+math.Abs(want))) {
			t.Errorf("%s %v, want %v", what, got, want)
		}
	}
	if info.LearnRate == 0 {
		close("length", info.Length, 0)
		close("path", info.Path, b.path)
		return
	}
	loss := info.Loss + info.Penalty - info.Floor
	if b.start == nil {
		b.start, b.reach = before, info.Reach
		b.average, b.record = loss, loss/10
	}
	distance := 0.0
	for i, w := range before {
		distance += (w - b.start[i]) * (w - b.start[i])
	}
	b.steps++
	b.reach = max(b.reach, math.Sqrt(distance))
	b.average += max(1.0/30, 1/float64(b.steps)) * (loss - b.average)
	if b.average < b.record {
		b.path, b.record = b.path*b.average/b.record, b.average
	}
	limit := b.rho * b.reach * min(1, b.reach/max(b.path, 1e-300))
	close("reach", info.Reach, b.reach)
	close("limit", info.Limit, limit)
	if info.Length > limit*(1+tolerance) {
		t.Errorf("length %v above its limit %v", info.Length, limit)
	}
	b.path += info.Length
	close("path", info.Path, b.path)
}

// TestFirstReach: the first step is ρ/(α·√(2τm−1)) of what Eq. 6 says, whatever the scale of
// weights and gradients.
func TestFirstReach(t *testing.T) {
	everySolver(t, func(t *testing.T, newSolver newSolver, dt tensor.Dtype) {
		for _, scale := range []float64{1e-8, 1, 1e8} {
			run := func(opts ...l4.Option) l4.Info {
				p := newParam("w", dt, []int{3}, make([]float64, 3)) // a start at 0 has no scale
				p.setGrad([]float64{scale, -2 * scale, 3 * scale})
				s := newSolver(
					valuer{gorgonia.NewF64(5)},
					append([]l4.Option{l4.WithEpsilon(0)}, opts...)...)
				if err := s.Step(valueGrads([]*param{p})); err != nil {
					t.Fatal(err)
				}
				return s.Last()
			}
			plain, bounded := run(l4.WithoutBound()), run()
			if got, want := bounded.LearnRate/plain.LearnRate, 1/math.Sqrt(19); math.Abs(
				got/want-1,
			) > 1e-12 {
				t.Errorf(
					"scale %v: the first step is %v of the plain one, want %v",
					scale,
					got,
					want,
				)
			}
			if plain.Length != 0 || bounded.Length != bounded.Limit {
				t.Errorf("scale %v: plain %+v, bounded %+v", scale, plain, bounded)
			}
		}
	})
}

// TestBoundWithoutLength: where the loss or the direction is 0, or the inner product infinite, the
// weights stay and so does all that the bound remembers.
func TestBoundWithoutLength(t *testing.T) {
	for name, c := range map[string]struct{ loss, grad float64 }{
		"loss 0":                    {0, 1},
		"no direction":              {1, 0},
		"infinite inner product":    {1, 1e154},
		"direction that underflows": {1, 5e-324},
	} {
		for _, started := range []bool{false, true} {
			loss, p := gorgonia.NewF64(1), newParam("w", tensor.Float64, []int{2}, []float64{1, 2})
			s := l4.NewL4Mom(valuer{loss}, l4.WithMomentumTime(1), l4.WithEpsilon(0))
			step := func(l, g float64) l4.Info { return stepOnce(t, s, loss, p, l, g, 1.2*g) }
			if started {
				step(1, 1)
			}
			before, weights := s.Last(), numbers(p.w)
			info := step(c.loss, c.grad)
			wantEqual(t, numbers(p.w), weights)
			if info.LearnRate != 0 || info.Length != 0 || info.Reach != before.Reach ||
				info.Path != before.Path {
				t.Errorf("%s, started %v: %+v, before %+v", name, started, info, before)
			}
			if info = step(1, 1); !(info.Length > 0) {
				t.Errorf("%s, started %v: then %+v", name, started, info)
			}
		}
	}
}

// TestBoundAfterUnderflow: a step whose length underflows does not start the bound.
func TestBoundAfterUnderflow(t *testing.T) {
	loss, p := gorgonia.NewF64(0), newParam("w", tensor.Float64, []int{1}, []float64{1})
	s := l4.NewL4Mom(valuer{loss}, l4.WithMomentumTime(1))
	if info := stepOnce(t, s, loss, p, 1e-180, 1e-160); info.Length != 0 || info.LearnRate != 0 {
		t.Errorf("first step: %+v", info)
	}
	for range 5 {
		if info := stepOnce(t, s, loss, p, 1, 1); !(info.Length > 0) {
			t.Fatalf("%+v", info)
		}
	}
}

// TestBoundWithoutGradients: where all gradients are exactly 0 for many steps, though the loss is
// not, the weights stay.
func TestBoundWithoutGradients(t *testing.T) {
	everySolver(t, func(t *testing.T, newSolver newSolver, dt tensor.Dtype) {
		loss, model := newBowl(), []*param{newParam("w", dt, []int{4}, ramp(4, 1))}
		s := newSolver(loss)
		stepTimes(t, s, loss, model, 5)
		before := weightsOf(model)
		for range 300 {
			loss.eval(model, 1)
			model[0].setGrad(make([]float64, 4))
			if err := s.Step(valueGrads(model)); err != nil {
				t.Fatal(err)
			}
			if info := s.Last(); info.LearnRate != 0 || info.Length != 0 {
				t.Fatalf("%+v", info)
			}
		}
		wantEqual(t, weightsOf(model), before)
		if stepTimes(t, s, loss, model, 1); s.Last().Length == 0 {
			t.Errorf("with a gradient again: %+v", s.Last())
		}
	})
}

// TestBoundAgainstDescent: where gᵀv is below 0 there is no step, though ε makes the rate positive.
func TestBoundAgainstDescent(t *testing.T) {
	loss, p := gorgonia.NewF64(0), newParam("w", tensor.Float64, []int{1}, []float64{1})
	s := l4.NewL4Mom(valuer{loss}, l4.WithMomentumTime(1), l4.WithGradientTime(2))
	first := stepOnce(t, s, loss, p, 1, 4e-7)
	info := stepOnce(t, s, loss, p, 1, -1e-7)
	if !(first.Length > 0 && info.InnerProduct < 0 && info.InnerProduct > -1e-12) {
		t.Fatalf("first %+v, then %+v", first, info)
	}
	if info.LearnRate != 0 || info.Length != 0 || info.Path != first.Path {
		t.Errorf("%+v", info)
	}
}

// TestBoundWithWeightNotFinite: a weight that is not a finite number, and has no gradient, leaves
// the bound of the others in force.
func TestBoundWithWeightNotFinite(t *testing.T) {
	for name, newSolver := range solvers {
		if name == "L4" {
			continue // whose inner solver's direction is not a number then
		}
		for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
			loss := gorgonia.NewF64(0)
			p := newParam("w", tensor.Float64, []int{2}, []float64{bad, 1})
			s := newSolver(valuer{loss})
			for range 5 {
				info := stepOnce(t, s, loss, p, 1, 0, 1)
				if !(info.Length <= info.Limit && info.Limit < 1 && info.Reach < 10) {
					t.Fatalf("%s, %v: %+v", name, bad, info)
				}
			}
		}
	}
}

// TestReachAfterWeightsWereSet: weights that a program sets between two steps count in the next.
func TestReachAfterWeightsWereSet(t *testing.T) {
	loss, p := gorgonia.NewF64(0), newParam("w", tensor.Float64, []int{1}, []float64{1})
	s := l4.NewL4Mom(valuer{loss})
	stepOnce(t, s, loss, p, 1, 1)
	p.setWeight([]float64{101})
	stepOnce(t, s, loss, p, 1, 1)
	if info := stepOnce(t, s, loss, p, 1, 1); math.Abs(info.Reach-100) > 1 {
		t.Errorf("%+v", info)
	}
}

// TestBoundInNoise: on a loss of which noise is all there is, weights stay where they are, and
// without the bound they wander ever faster.
func TestBoundInNoise(t *testing.T) {
	const n, steps = 50, 5000
	everySolver(t, func(t *testing.T, newSolver newSolver, dt tensor.Dtype) {
		distance := func(opts ...l4.Option) float64 {
			r := rand.New(rand.NewPCG(3, 4))
			p := newParam("w", dt, []int{n}, make([]float64, n))
			s := newSolver(valuer{gorgonia.NewF64(1)}, opts...)
			for range steps {
				g := make([]float64, n)
				for i := range g {
					g[i] = r.NormFloat64()
				}
				p.setGrad(g)
				if err := s.Step(valueGrads([]*param{p})); err != nil {
					t.Fatal(err)
				}
			}
			w := numbers(p.w)
			return math.Sqrt(dot(w, w))
		}
		bounded, plain := distance(), distance(l4.WithoutBound())
		if t.Logf("distance %.3g, without bound %.3g", bounded, plain); !(10*bounded < plain) {
			t.Errorf("distance %v, without bound %v", bounded, plain)
		}
	})
}

// TestBoundFindsFarTargets: where the way is straight the reach grows exponentially.
func TestBoundFindsFarTargets(t *testing.T) {
	for _, target := range []float64{1e-6, 1, 1e6} {
		for name, newSolver := range solvers {
			loss, p := gorgonia.NewF64(0), newParam("w", tensor.Float64, []int{1}, []float64{1e-3})
			s := newSolver(valuer{loss})
			steps := 0
			for ; steps < 2000; steps++ {
				d := numbers(p.w)[0] - target
				if math.Abs(d) < 0.01*math.Abs(target-1e-3) {
					break
				}
				*loss = gorgonia.F64(d * d)
				p.setGrad([]float64{2 * d})
				if err := s.Step(valueGrads([]*param{p})); err != nil {
					t.Fatal(err)
				}
			}
			if steps == 2000 {
				t.Errorf("%s: %v is not reached, but %v", name, target, numbers(p.w))
			}
		}
	}
}
