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

// bowl is a loss with its gradient over any model: half the squared distance of the weights from their
// target, each element with a curvature of its own.
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
func descend(t *testing.T, newSolver newSolver, model []*param, steps int, scale float64, opts ...l4.Option) []float64 {
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

// TestLayouts shows that every shape and layout takes the steps that plain row-major tensors take.
func TestLayouts(t *testing.T) {
	dense := func(dt tensor.Dtype, shape ...int) *tensor.Dense {
		return tensor.New(tensor.WithShape(shape...), tensor.Of(dt))
	}
	slice := func(d *tensor.Dense, s ...tensor.Slice) *tensor.Dense {
		v, err := d.Slice(s...)
		if err != nil {
			panic(err)
		}
		return v.(*tensor.Dense)
	}
	transpose := func(d *tensor.Dense, axes ...int) *tensor.Dense {
		if err := d.T(axes...); err != nil {
			panic(err)
		}
		return d
	}
	fortran := func(dt tensor.Dtype, shape ...int) *tensor.Dense {
		return tensor.New(tensor.WithShape(shape...), tensor.AsFortran(backing(dt, make([]float64, tensor.Shape(shape).TotalSize()))))
	}
	layouts := map[string]func(dt tensor.Dtype) gorgonia.Value{
		"scalar":      func(dt tensor.Dtype) gorgonia.Value { return newScalar(dt) },
		"()":          func(dt tensor.Dtype) gorgonia.Value { return tensor.New(tensor.Of(dt), tensor.WithShape()) },
		"(1)":         func(dt tensor.Dtype) gorgonia.Value { return dense(dt, 1) },
		"(1,1)":       func(dt tensor.Dtype) gorgonia.Value { return dense(dt, 1, 1) },
		"vector":      func(dt tensor.Dtype) gorgonia.Value { return dense(dt, 13) },
		"column":      func(dt tensor.Dtype) gorgonia.Value { return dense(dt, 13, 1) },
		"row":         func(dt tensor.Dtype) gorgonia.Value { return dense(dt, 1, 13) },
		"matrix":      func(dt tensor.Dtype) gorgonia.Value { return dense(dt, 5, 7) },
		"3-D":         func(dt tensor.Dtype) gorgonia.Value { return dense(dt, 2, 3, 4) },
		"4-D":         func(dt tensor.Dtype) gorgonia.Value { return dense(dt, 2, 3, 2, 2) },
		"col-major":   func(dt tensor.Dtype) gorgonia.Value { return fortran(dt, 5, 7) },
		"col-major3":  func(dt tensor.Dtype) gorgonia.Value { return fortran(dt, 2, 3, 4) },
		"transposed":  func(dt tensor.Dtype) gorgonia.Value { return transpose(dense(dt, 5, 7)) },
		"transposed4": func(dt tensor.Dtype) gorgonia.Value { return transpose(dense(dt, 2, 3, 4, 5), 3, 1, 0, 2) },
		"column of":   func(dt tensor.Dtype) gorgonia.Value { return slice(dense(dt, 5, 7), nil, tensor.S(3)) },
		"rows of":     func(dt tensor.Dtype) gorgonia.Value { return slice(dense(dt, 5, 7), tensor.S(1, 4)) },
		"block of":    func(dt tensor.Dtype) gorgonia.Value { return slice(dense(dt, 5, 7), tensor.S(1, 4), tensor.S(2, 6)) },
		"block of 4-D": func(dt tensor.Dtype) gorgonia.Value {
			return slice(dense(dt, 4, 3, 5, 2), tensor.S(1, 3), nil, tensor.S(2, 4))
		},
	}
	for name, layout := range layouts {
		t.Run(name, func(t *testing.T) {
			everySolver(t, func(t *testing.T, newSolver newSolver, dt tensor.Dtype) {
				odd := &param{name: "odd", w: layout(dt), g: layout(dt)}
				n := len(numbers(odd.w))
				odd.setWeight(ramp(n, 5))
				plain := newParam("plain", dt, []int{n}, ramp(n, 5))
				rest := func() *param { return newParam("rest", dt, []int{3, 3}, ramp(9, 6)) }
				got := descend(t, newSolver, []*param{rest(), odd, rest()}, 20, 1)
				want := descend(t, newSolver, []*param{rest(), plain, rest()}, 20, 1)
				wantEqual(t, got, want)

				// The gradient of a weight may have another layout.
				odd.setWeight(ramp(n, 5))
				if shape := odd.w.Shape(); len(shape) > 0 {
					odd.g = tensor.New(tensor.WithShape(shape...), tensor.Of(dt))
				} else {
					odd.g = newScalar(dt)
				}
				wantEqual(t, descend(t, newSolver, []*param{rest(), odd, rest()}, 20, 1), want)
			})
		})
	}
}

// TestViewLeavesTheRest shows that a step on part of a tensor does not touch the rest of it.
func TestViewLeavesTheRest(t *testing.T) {
	all := tensor.New(tensor.WithShape(4, 4), tensor.WithBacking(ramp(16, 1)))
	grads := tensor.New(tensor.WithShape(4, 4), tensor.WithBacking(ramp(16, 2)))
	before := slices.Clone(all.Float64s())
	view := func(d *tensor.Dense, column int) *tensor.Dense {
		v, err := d.Slice(nil, tensor.S(column))
		if err != nil {
			t.Fatal(err)
		}
		return v.(*tensor.Dense)
	}
	// Two columns interleave in memory and are yet two parameters.
	model := []gorgonia.ValueGrad{&param{name: "a", w: view(all, 0), g: view(grads, 0)}, &param{name: "b", w: view(all, 2), g: view(grads, 2)}}
	if err := l4.NewL4Adam(valuer{gorgonia.NewF64(1)}).Step(model); err != nil {
		t.Fatal(err)
	}
	for i, x := range all.Float64s() {
		column := i % 4
		if changed := x != before[i]; changed != (column == 0 || column == 2) {
			t.Errorf("element %d: changed %v", i, changed)
		}
		if zero := grads.Float64s()[i] == 0; zero != (column == 0 || column == 2) {
			t.Errorf("gradient %d: zeroed %v", i, zero)
		}
	}
}

// TestMixedDtypes trains float32 and float64 parameters in one model.
func TestMixedDtypes(t *testing.T) {
	for name, newSolver := range solvers {
		t.Run(name, func(t *testing.T) {
			model := func(first tensor.Dtype) []*param {
				return []*param{newParam("a", first, []int{4}, ramp(4, 1)), newParam("b", tensor.Float64, []int{3}, ramp(3, 2))}
			}
			got := descend(t, newSolver, model(tensor.Float32), 30, 1)
			wantClose(t, got, descend(t, newSolver, model(tensor.Float64), 30, 1), 1e-5)
		})
	}
}

// TestScaleInvariance: with ε = 0 the trajectory does not change when the loss, its gradients and Adam's
// epsilon, which is added to a gradient, are multiplied by one number.
func TestScaleInvariance(t *testing.T) {
	for name, newSolver := range solvers {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(7, 8))
			for range 20 {
				n, scale := 1+r.IntN(40), math.Exp(8*r.NormFloat64())
				model := func() []*param { return []*param{newParam("w", tensor.Float64, []int{n}, ramp(n, uint64(n)))} }
				guard := r.IntN(2) == 0
				opts := func(a float64) []l4.Option {
					o := []l4.Option{l4.WithEpsilon(0), l4.WithFraction(0.25)}
					if guard {
						o = append(o, l4.WithGuard())
					}
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
					t.Errorf("%d weights, scale %.3g: relative error %.2g", n, scale, errs["weights"])
				}
			}
		})
	}
}

// TestCuttingDoesNotMatter: the weights after training do not depend on how they are cut into tensors.
func TestCuttingDoesNotMatter(t *testing.T) {
	for name, newSolver := range solvers {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(9, 10))
			for _, n := range []int{1, 17, 200, 40000} {
				xs := ramp(n, uint64(n))
				var cut []*param
				for rest := xs; len(rest) > 0; {
					k := min(len(rest), 1+r.IntN(n/3+1))
					cut = append(cut, newParam(fmt.Sprint("w", len(cut)), tensor.Float64, []int{k}, rest[:k]))
					rest = rest[k:]
				}
				whole := []*param{newParam("w", tensor.Float64, []int{n}, xs)}
				wantClose(t, descend(t, newSolver, cut, 20, 1), descend(t, newSolver, whole, 20, 1), 1e-12)
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
			model := []*param{newParam("a", dt, []int{301, 2000}, ramp(301*2000, 1)), newParam("b", dt, []int{5}, ramp(5, 2))}
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
	model := func() []*param { return []*param{newParam("w", tensor.Float64, []int{9}, ramp(9, 1))} }
	for name, newSolver := range solvers {
		want := descend(t, newSolver, model(), 20, 1, l4.WithMomentumTime(5))
		got := descend(t, newSolver, model(), 20, 1, l4.WithMomentumTime(5), l4.WithGradientTime(5))
		t.Run(name, func(t *testing.T) { wantEqual(t, got, want) })
	}
}

// TestSharedGradient: two parameters whose ValueGrads hand out one gradient both see it whole.
func TestSharedGradient(t *testing.T) {
	step := func(shared bool) []float64 {
		a, b := newParam("a", tensor.Float64, []int{4}, ramp(4, 1)), newParam("b", tensor.Float64, []int{4}, ramp(4, 2))
		a.setGrad(ramp(4, 3))
		b.setGrad(ramp(4, 3))
		if shared {
			b.g = a.g
		}
		if err := l4.NewL4Adam(valuer{gorgonia.NewF64(1)}).Step(valueGrads([]*param{a, b})); err != nil {
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

func TestLast(t *testing.T) {
	s := l4.NewL4Mom(valuer{gorgonia.NewF32(2)})
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
	got := s.Last()
	if got.Step != 1 || got.Loss != 2 || got.LMin != 1.5 || math.Abs(got.InnerProduct-25) > 1e-12 || math.Abs(got.LearnRate-eta) > 1e-15 {
		t.Errorf("%+v", got)
	}
	wantClose(t, numbers(p.w), []float64{1 - 3*eta, 2 - 4*eta}, 1e-14)
	// A step that fails leaves what the last successful one said.
	if err := s.Step(nil); err == nil || s.Last() != got {
		t.Errorf("after a failed step: %+v, error %v", s.Last(), err)
	}
}
