package l4_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
)

// boundReference computes the bound as docs/bound.md defines it, from the steps that a solver
// reports.
type boundReference struct {
	rho, tau             float64
	start                []float64
	reach, path          float64
	average, best, floor float64
	steps                int
	bent                 bool
	forgot, fell         int // steps in which the path shrank, and the loss fell
}

// TestBoundDefinition: the length of each step follows the definition, for all layouts, for both
// dtypes together, and with weight decay, penalties, skipped steps and steps without length.
func TestBoundDefinition(t *testing.T) {
	for name, opts := range map[string][]l4.Option{
		"defaults": nil,
		"decay":    {l4.WithWeightDecay(1e-3)},
		"penalty":  {l4.WithL2Reg(0.01), l4.WithL1Reg(0.01)},
		"clip":     {l4.WithClipNorm(0.5)},
		"cap":      {l4.WithMaxLearnRate(1e-3)},
		"skip":     {l4.WithSkipNonFinite(5)},
		"negative": nil,
	} {
		everySolver(t, func(t *testing.T, newSolver newSolver, dt tensor.Dtype) {
			r := rand.New(rand.NewPCG(1, 2))
			loss, model := newBowl(), mixedModel(dt)
			s := newSolver(loss, append([]l4.Option{l4.WithFraction(0.2)}, opts...)...)
			ref := boundReference{rho: 0.12 / math.Sqrt(19), tau: 10}
			// How far float32 weights are from their start is known to their precision.
			tolerance := 1e-11
			if dt == tensor.Float32 {
				tolerance = 1e-5
			}
			for step := range 120 {
				loss.eval(model, 1)
				switch {
				case step < 3 && name != "negative":
					*loss.F64 = 0 // no step has a length yet
				case step%17 == 5 && name == "skip":
					*loss.F64 = gorgonia.F64(math.NaN())
				default:
					*loss.F64 += gorgonia.F64(0.3 * r.Float64())
				}
				if name == "negative" {
					*loss.F64 -= 10
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
			bends := name != "cap" && name != "penalty" && name != "negative"
			if ref.steps < 80 || ref.fell == 0 || bends && ref.forgot == 0 {
				t.Errorf("%s: %d steps of some length, the loss fell in %d, the path in %d",
					name, ref.steps, ref.fell, ref.forgot)
			}
		})
	}
}

// check checks a step from the given weights and updates the reference.
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
		b.start, b.reach = before, math.Sqrt(dot(before, before))/10
		b.average, b.best = loss, loss
	} else {
		b.average, b.best = b.average+b.floor-info.Floor, b.best+b.floor-info.Floor
	}
	b.floor = info.Floor
	distance := 0.0
	for i, w := range before {
		distance += (w - b.start[i]) * (w - b.start[i])
	}
	b.steps++
	b.reach = max(b.reach, math.Sqrt(distance))
	b.average += max(1/b.tau, 1/float64(b.steps)) * (loss - b.average)
	b.bent = b.bent || b.path > 2*b.reach
	rho := b.rho
	if b.average < b.best {
		rho *= 3
		b.fell++
		if b.bent {
			b.path *= b.average / b.best
			b.forgot++
		}
		b.best = b.average
	}
	limit := rho * b.reach * min(1, b.reach/max(b.path, 1e-300))
	close("reach", info.Reach, b.reach)
	close("limit", info.Limit, limit)
	if info.Length > limit*(1+tolerance) {
		t.Errorf("length %v above its limit %v", info.Length, limit)
	}
	b.path += info.Length
	close("path", info.Path, b.path)
}

// TestFirstReach: the first reach is a tenth of the norm of the weights. If the norm is 0, the
// first reach is the linearized distance to the estimated minimum.
func TestFirstReach(t *testing.T) {
	nan, inf, largest := math.NaN(), math.Inf(1), math.Sqrt(math.MaxFloat64)
	const linearised = 0
	for _, c := range []struct {
		name     string
		weights  []float64
		r32, r64 float64
	}{
		{"ordinary", []float64{3, 0, -4}, 0.5, 0.5},
		{"small", []float64{3e-3, 0, -4e-3}, 5e-4, 5e-4},
		{"large", []float64{3e3, 0, -4e3}, 500, 500},
		{"zero", []float64{0, 0, 0}, linearised, linearised},
		// Their squares are neither 0 nor infinite in float64, in which they are summed.
		{"tiny in float32", []float64{3e-30, 0, -4e-30}, 5e-31, 5e-31},
		{"huge in float32", []float64{3e30, 0, -4e30}, 5e29, 5e29},
		// Their squares are 0 or infinite.
		{"tiny", []float64{3e-170, 0, -4e-170}, linearised, linearised},
		{"huge", []float64{3e170, 0, -4e170}, nan, largest / 10},
		// Weights that are not finite do not count.
		{"NaN", []float64{3, nan, -4}, 0.5, 0.5},
		{"infinite", []float64{3, inf, -4}, 0.5, 0.5},
		{"all NaN", []float64{nan, nan, nan}, linearised, linearised},
	} {
		for _, name := range []string{"L4Adam", "L4Mom"} { // inner solvers make v NaN, too
			for dt, want := range map[tensor.Dtype]float64{tensor.Float32: c.r32,
				tensor.Float64: c.r64} {
				if math.IsNaN(want) {
					continue // no float32 is so large
				}
				loss, p := gorgonia.NewF64(0), newParam("w", dt, []int{3}, c.weights)
				info := stepOnce(t, solvers[name](valuer{loss}), loss, p, 5, 1, 0, 3)
				if want == linearised { // (L − γ·Lmin)·‖v‖/gᵀv
					want = (5 - 0.9*0.75*5) * info.Length / info.LearnRate / info.InnerProduct
				}
				if !(math.Abs(info.Reach/want-1) <= 1e-6) {
					t.Errorf("%s, %s, %v: first reach %v, want %v", c.name, name, dt,
						info.Reach, want)
				}
			}
		}
	}
}

// TestStartAfterDecay: the start is the weights just before the first step of nonzero length, and
// not the weights before earlier steps decayed them.
func TestStartAfterDecay(t *testing.T) {
	loss, p := gorgonia.NewF64(0), newParam("w", tensor.Float64, []int{1}, []float64{8})
	s := l4.NewL4Mom(valuer{loss}, l4.WithWeightDecay(0.5))
	for range 2 {
		stepOnce(t, s, loss, p, 1, 0)
	}
	if info := stepOnce(t, s, loss, p, 1, 1); info.Reach != 0.2 { // a tenth of 8/2/2
		t.Errorf("%+v", info)
	}
}

// TestFirstStepFromZero: if all weights are 0, the first step is a share of the linearized
// distance, for gradients of any scale.
func TestFirstStepFromZero(t *testing.T) {
	everySolver(t, func(t *testing.T, newSolver newSolver, dt tensor.Dtype) {
		for _, scale := range []float64{1e-8, 1, 1e8} {
			run := func(opts ...l4.Option) l4.Info {
				loss, p := gorgonia.NewF64(0), newParam("w", dt, []int{3}, make([]float64, 3))
				s := newSolver(valuer{loss}, append(opts, l4.WithEpsilon(0))...)
				return stepOnce(t, s, loss, p, 5, scale, -2*scale, 3*scale)
			}
			plain, bounded := run(l4.WithoutBound()), run()
			if strings.Contains(t.Name(), "L4Adam") { // whose ε differs
				plain = run(l4.WithoutBound(), l4.WithAdamEpsilon(1e-8))
			}
			want := 0.12 / 0.15 / math.Sqrt(19)
			if got := bounded.LearnRate / plain.LearnRate; math.Abs(got/want-1) > 1e-12 {
				t.Errorf("scale %v: the first step is %v of the plain step, want %v",
					scale, got, want)
			}
			if plain.Length != 0 || bounded.Length != bounded.Limit {
				t.Errorf("scale %v: plain %+v, bounded %+v", scale, plain, bounded)
			}
		}
	})
}

// TestBoundWithoutLength: if the loss or the direction is 0, or the inner product is infinite,
// neither the weights nor the state of the bound change.
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
	if info := stepOnce(t, s, loss, p, 1e-190, 1e-160); info.Length != 0 || info.LearnRate != 0 {
		t.Errorf("first step: %+v", info)
	}
	for range 5 {
		if info := stepOnce(t, s, loss, p, 1, 1); !(info.Length > 0) {
			t.Fatalf("%+v", info)
		}
	}
}

// TestBoundWithInfiniteLength: a step whose length overflows does not move the weights.
func TestBoundWithInfiniteLength(t *testing.T) {
	loss, p := gorgonia.NewF64(0), newParam("w", tensor.Float64, []int{2}, []float64{1, 2})
	s := l4.NewL4Adam(valuer{loss}, l4.WithEpsilon(0), l4.WithAdamEpsilon(0))
	if info := stepOnce(t, s, loss, p, 1e300, 1e-150, 1e-150); info.LearnRate != 0 ||
		info.Length != 0 {
		t.Errorf("%+v", info)
	}
	wantEqual(t, numbers(p.w), []float64{1, 2})
}

// TestBoundWithoutGradients: if all gradients are exactly 0 for many steps, but the loss is not,
// the weights stay.
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

// TestBoundAgainstDescent: if gᵀv is below 0, the weights stay, although ε makes the rate positive.
func TestBoundAgainstDescent(t *testing.T) {
	loss, p := gorgonia.NewF64(0), newParam("w", tensor.Float64, []int{1}, []float64{1})
	s := l4.NewL4Mom(valuer{loss}, l4.WithMomentumTime(1), l4.WithGradientTime(2),
		l4.WithEpsilon(1e-12))
	first := stepOnce(t, s, loss, p, 1, 4e-7)
	info := stepOnce(t, s, loss, p, 1, -1e-7)
	if !(first.Length > 0 && info.InnerProduct < 0 && info.InnerProduct > -1e-12) {
		t.Fatalf("first %+v, then %+v", first, info)
	}
	if info.LearnRate != 0 || info.Length != 0 || info.Path != first.Path {
		t.Errorf("%+v", info)
	}
}

// TestBoundWithWeightNotFinite: if one weight is not finite and has a zero gradient, the bound
// still limits the steps of the other weights.
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

// TestReachAfterWeightsWereSet: if a program sets weights between two steps, the next step uses the
// new weights.
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

// TestBoundInNoise: if the loss is only noise, the weights stay close to their start. Without the
// bound they move away faster and faster.
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

// TestBoundFindsFarTargets: if the weights move in a straight line, the reach grows exponentially.
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
