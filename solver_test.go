package l4_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
)

// everySolver runs a test for each solver and dtype.
func everySolver(t *testing.T, test func(t *testing.T, newSolver newSolver, dt tensor.Dtype)) {
	for name, newSolver := range solvers {
		for _, dt := range dtypes {
			t.Run(fmt.Sprintf("%s/%v", name, dt), func(t *testing.T) { test(t, newSolver, dt) })
		}
	}
}

// ramp returns n numbers that are not alike.
func ramp(n int, seed uint64) []float64 {
	r := rand.New(rand.NewPCG(seed, 1))
	xs := make([]float64, n)
	for i := range xs {
		xs[i] = r.NormFloat64()
	}
	return xs
}

// bowl is a loss with its gradient over any model: half the squared distance of the weights from
// their target, each element with a curvature of its own.
type bowl struct{ *gorgonia.F64 }

func newBowl() bowl { return bowl{gorgonia.NewF64(0)} }

func (b bowl) Value() gorgonia.Value { return b.F64 }

// eval sets the loss and the gradients, scaled by a.
func (b bowl) eval(model []*param, a float64) {
	loss, k := 0.0, 0
	for _, p := range model {
		w := numbers(p.w)
		g := make([]float64, len(w))
		for i, x := range w {
			curvature, target := 1+float64(k%7), math.Sin(float64(k))
			loss += curvature * (x - target) * (x - target) / 2
			g[i] = a * curvature * (x - target)
			k++
		}
		p.setGrad(g)
	}
	*b.F64 = gorgonia.F64(a * loss)
}

func valueGrads(model []*param) []gorgonia.ValueGrad {
	vs := make([]gorgonia.ValueGrad, len(model))
	for i, p := range model {
		vs[i] = p
	}
	return vs
}

// descend makes steps and returns all weights, end to end.
func descend(
	t *testing.T,
	newSolver newSolver,
	model []*param,
	steps int,
	scale float64,
	opts ...l4.Option,
) []float64 {
	t.Helper()
	loss := newBowl()
	s := newSolver(loss, opts...)
	for range steps {
		loss.eval(model, scale)
		if err := s.Step(valueGrads(model)); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range model {
		if slices.ContainsFunc(numbers(p.g), func(x float64) bool { return x != 0 }) {
			t.Errorf("the gradient of %s is not zero after Step", p.name)
		}
	}
	return weightsOf(model)
}

func weightsOf(model []*param) []float64 {
	var all []float64
	for _, p := range model {
		all = append(all, numbers(p.w)...)
	}
	return all
}

func wantEqual(t *testing.T, got, want []float64) {
	t.Helper()
	if len(got) == 0 || len(got) != len(want) {
		t.Fatalf("%d numbers, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("number %d: %v, want %v", i, got[i], want[i])
		}
	}
}

func wantClose(t *testing.T, got, want []float64, tolerance float64) {
	t.Helper()
	errs := worst{}
	errs.addAll("weights", got, want)
	errs.check(t, tolerance, "weights")
}

// TestMixedDtypes trains float32 and float64 parameters in one model.
func TestMixedDtypes(t *testing.T) {
	for name, newSolver := range solvers {
		t.Run(name, func(t *testing.T) {
			model := func(first tensor.Dtype) []*param {
				return []*param{
					newParam("a", first, []int{4}, ramp(4, 1)),
					newParam("b", tensor.Float64, []int{3}, ramp(3, 2)),
				}
			}
			got := descend(t, newSolver, model(tensor.Float32), 30, 1)
			wantClose(t, got, descend(t, newSolver, model(tensor.Float64), 30, 1), 1e-5)
		})
	}
}

// TestScaleInvariance: with ε = 0 the trajectory does not change when the loss, its gradients and
// Adam's epsilon, which is added to a gradient, are multiplied by one number.
func TestScaleInvariance(t *testing.T) {
	for name, newSolver := range solvers {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(7, 8))
			for range 20 {
				n, scale := 1+r.IntN(40), math.Exp(8*r.NormFloat64())
				model := func() []*param {
					return []*param{newParam("w", tensor.Float64, []int{n}, ramp(n, uint64(n)))}
				}
				opts := func(a float64) []l4.Option {
					o := []l4.Option{l4.WithEpsilon(0), l4.WithFraction(0.25)}
					if name == "L4Adam" {
						o = append(o, l4.WithAdamEpsilon(a*1e-4))
					}
					return o
				}
				want := descend(t, newSolver, model(), 40, 1, opts(1)...)
				got := descend(t, newSolver, model(), 40, scale, opts(scale)...)
				errs := worst{}
				errs.addAll("weights", got, want)
				if errs["weights"] > 1e-9 {
					t.Errorf(
						"%d weights, scale %.3g: relative error %.2g",
						n,
						scale,
						errs["weights"],
					)
				}
			}
		})
	}
}

// TestCuttingDoesNotMatter: the weights after training do not depend on how they are cut into
// tensors.
func TestCuttingDoesNotMatter(t *testing.T) {
	for name, newSolver := range solvers {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(9, 10))
			for _, n := range []int{1, 17, 200, 40000} {
				xs := ramp(n, uint64(n))
				var cut []*param
				for rest := xs; len(rest) > 0; {
					k := min(len(rest), 1+r.IntN(n/3+1))
					cut = append(
						cut,
						newParam(fmt.Sprint("w", len(cut)), tensor.Float64, []int{k}, rest[:k]),
					)
					rest = rest[k:]
				}
				whole := []*param{newParam("w", tensor.Float64, []int{n}, xs)}
				wantClose(
					t,
					descend(t, newSolver, cut, 20, 1),
					descend(t, newSolver, whole, 20, 1),
					1e-12,
				)
			}
		})
	}
}

// TestSameBitsOnAnyNumberOfCores: the model is large enough for a step to be shared out.
func TestSameBitsOnAnyNumberOfCores(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	everySolver(t, func(t *testing.T, newSolver newSolver, dt tensor.Dtype) {
		var want []float64
		for _, procs := range []int{1, 3, 8} {
			runtime.GOMAXPROCS(procs)
			model := []*param{
				newParam("a", dt, []int{301, 2000}, ramp(301*2000, 1)),
				newParam("b", dt, []int{5}, ramp(5, 2)),
			}
			got := descend(t, newSolver, model, 2, 1)
			if want == nil {
				want = got
			}
			wantEqual(t, got, want)
		}
	})
}

// TestGradientTimeState: a gradient time scale equal to that of the momentum changes nothing.
func TestGradientTimeState(t *testing.T) {
	model := func() []*param {
		return []*param{newParam("w", tensor.Float64, []int{9}, ramp(9, 1))}
	}
	for _, name := range []string{"L4Adam", "L4Mom"} {
		newSolver := solvers[name]
		want := descend(t, newSolver, model(), 20, 1, l4.WithMomentumTime(5))
		got := descend(t, newSolver, model(), 20, 1, l4.WithMomentumTime(5), l4.WithGradientTime(5))
		t.Run(name, func(t *testing.T) { wantEqual(t, got, want) })
	}
}

// TestSharedGradient: two parameters whose ValueGrads hand out one gradient both see it whole.
func TestSharedGradient(t *testing.T) {
	step := func(shared bool) []float64 {
		a, b := newParam(
			"a",
			tensor.Float64,
			[]int{4},
			ramp(4, 1),
		), newParam(
			"b",
			tensor.Float64,
			[]int{4},
			ramp(4, 2),
		)
		a.setGrad(ramp(4, 3))
		b.setGrad(ramp(4, 3))
		if shared {
			b.g = a.g
		}
		if err := l4.NewL4Adam(valuer{gorgonia.NewF64(1)}).Step(valueGrads([]*param{a,
			b})); err != nil {
			t.Fatal(err)
		}
		return weightsOf([]*param{a, b})
	}
	wantEqual(t, step(true), step(false))
}

// TestZeroGradient: with ε = 0 and no direction at all the weights stay, and stay finite.
func TestZeroGradient(t *testing.T) {
	everySolver(t, func(t *testing.T, newSolver newSolver, dt tensor.Dtype) {
		p := newParam("w", dt, []int{5}, ramp(5, 1))
		before := numbers(p.w)
		for _, loss := range []float64{1, 1e300, 0} {
			s := newSolver(valuer{gorgonia.NewF64(loss)}, l4.WithEpsilon(0))
			if err := s.Step([]gorgonia.ValueGrad{p}); err != nil {
				t.Fatal(err)
			}
			wantEqual(t, numbers(p.w), before)
			if eta := s.Last().LearnRate; math.IsNaN(eta) || math.IsInf(eta, 0) {
				t.Errorf("learning rate %v", eta)
			}
		}
	})
}

// TestZeroAdamEpsilon: without Adam's epsilon a gradient that is always 0 has no direction, and is
// not 0/0.
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

func TestLast(t *testing.T) {
	s := l4.NewL4Mom(valuer{gorgonia.NewF32(2)}, l4.WithoutBound())
	if s.Last() != (l4.Info{}) {
		t.Errorf("before the first step: %+v", s.Last())
	}
	p := newParam("w", tensor.Float64, []int{2}, []float64{1, 2})
	p.setGrad([]float64{3, 4})
	if err := s.Step([]gorgonia.ValueGrad{p}); err != nil {
		t.Fatal(err)
	}
	// v = g, gᵀv = 25, Lmin = 0.75·2, η = 0.15·(2 - 0.9·1.5)/25
	eta := 0.15 * (2 - 0.9*1.5) / (25 + 1e-12)
	got := did(s)
	if got.Step != 1 || got.Loss != 2 || got.LMin != 1.5 || math.Abs(got.InnerProduct-25) > 1e-12 ||
		math.Abs(got.LearnRate-eta) > 1e-15 {
		t.Errorf("%+v", got)
	}
	wantClose(t, numbers(p.w), []float64{1 - 3*eta, 2 - 4*eta}, 1e-14)
	// A step that fails leaves what the last successful one said.
	if err := s.Step(nil); err == nil || did(s) != got || s.Last().Refused != 1 {
		t.Errorf("after a failed step: %+v, error %v", s.Last(), err)
	}
}
