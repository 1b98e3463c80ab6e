package l4_test

import (
	"fmt"
	"maps"
	"math"
	"strings"
	"testing"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
)

// TestInnerLearnRate: the learning rate of the inner solver does not matter, in float32 and in
// float64.
func TestInnerLearnRate(t *testing.T) {
	tested := maps.Clone(inners)
	tested["own"] = func(rate float64) gorgonia.Solver { return &heavyBall{rate: rate} }
	for name, newInner := range tested {
		for _, dt := range dtypes {
			if name == "own" && dt == tensor.Float32 {
				continue // it gets the parameter's dtype, in which a small step has few digits
			}
			t.Run(fmt.Sprintf("%s/%v", name, dt), func(t *testing.T) {
				run := func(rate float64) *trial {
					return newTrial(
						t,
						problems["quadratic"],
						dt,
						over(func() gorgonia.Solver { return newInner(rate) }),
					).run(40)
				}
				want, tolerance := run(0.1), 1e-6
				if dt == tensor.Float32 {
					tolerance = 1e-4
				}
				for _, rate := range []float64{1e-6, 1e-3, 1} {
					got := run(rate)
					wantClose(t, weightsOf(got.model), weightsOf(want.model), tolerance)
					wantClose(
						t,
						[]float64{got.solver.Last().LearnRate},
						[]float64{want.solver.Last().LearnRate},
						tolerance,
					)
				}
			})
		}
	}
}

// TestL4OverAdam: L4 with Gorgonia's Adam inside makes the steps of L4Adam. L4 with the plain
// gradient and a time scale of 1 makes the steps of L4Mom.
func TestL4OverAdam(t *testing.T) {
	for name, p := range problems {
		for _, dt := range dtypes {
			t.Run(fmt.Sprintf("%s/%v", name, dt), func(t *testing.T) {
				adam := over(func() gorgonia.Solver {
					return gorgonia.NewAdamSolver(gorgonia.WithLearnRate(1), gorgonia.WithEps(1e-8))
				})
				plain := over(
					func() gorgonia.Solver {
						return gorgonia.NewVanillaSolver(gorgonia.WithLearnRate(1))
					},
				)
				tolerance := 1e-8
				if dt == tensor.Float32 {
					tolerance = 2e-3
				}
				const steps = 30
				got, want := newTrial(
					t,
					p,
					dt,
					adam,
				).run(steps),
					newTrial(
						t,
						p,
						dt,
						solvers["L4Adam"],
					).run(steps)
				wantClose(t, weightsOf(got.model), weightsOf(want.model), tolerance)
				got = newTrial(t, p, dt, plain, l4.WithGradientTime(1)).run(steps)
				want = newTrial(t, p, dt, solvers["L4Mom"], l4.WithMomentumTime(1)).run(steps)
				wantClose(t, weightsOf(got.model), weightsOf(want.model), tolerance)
			})
		}
	}
}

// direction is an inner solver. The function gets float64 weights w and their gradients g, and
// updates w.
type direction func(w, g []float64)

func (d direction) Step(model []gorgonia.ValueGrad) error {
	for _, p := range model {
		g, err := p.Grad()
		if err != nil {
			return err
		}
		d(p.Value().Data().([]float64), g.Data().([]float64))
	}
	return nil
}

// TestInnerBound: the bound uses the momentum time of the inner solver, which l4 knows for
// Gorgonia's solvers.
func TestInnerBound(t *testing.T) {
	for name, c := range map[string]struct {
		inner gorgonia.Solver
		opts  []l4.Option
		want  float64 // limit over reach
	}{
		"vanilla":   {gorgonia.NewVanillaSolver(), nil, 0.12},
		"RMSProp":   {gorgonia.NewRMSPropSolver(), nil, 0.12},
		"AdaGrad":   {gorgonia.NewAdaGradSolver(), nil, 0.12},
		"Adam":      {gorgonia.NewAdamSolver(), nil, 0.12 / math.Sqrt(19)},
		"own":       {&heavyBall{rate: 0.1}, nil, 0.12 / math.Sqrt(19)},
		"own, told": {&heavyBall{rate: 0.1}, []l4.Option{l4.WithMomentumTime(1)}, 0.12},
		"vanilla, too": {gorgonia.NewVanillaSolver(), []l4.Option{l4.WithMomentumTime(5)},
			0.12 / 3},
	} {
		tr := newTrial(
			t,
			problems["quadratic"],
			tensor.Float64,
			over(func() gorgonia.Solver { return c.inner }),
			c.opts...).run(1)
		info := tr.solver.Last()
		if got := info.Limit / info.Reach; math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%s: limit is %v of the reach, want %v", name, got, c.want)
		}
	}
}

// TestNoDescent: if gᵀv ≤ 0, the solver steps along g. If v is nearly orthogonal to g, a step is at
// most ten times as long as a step along g.
func TestNoDescent(t *testing.T) {
	directions := map[string]direction{
		"uphill": func(w, g []float64) {
			for i := range w {
				w[i] += 0.1 * g[i]
			}
		},
		"nowhere": func(w, g []float64) {},
	}
	for name, d := range directions {
		t.Run(name, func(t *testing.T) {
			for _, p := range problems {
				got := newTrial(
					t,
					p,
					tensor.Float64,
					over(func() gorgonia.Solver { return d }),
				).run(30)
				want := newTrial(t, p, tensor.Float64, solvers["L4Mom"]).run(30)
				wantClose(t, weightsOf(got.model), weightsOf(want.model), 1e-9)
			}
		})
	}
	t.Run("sideways", func(t *testing.T) {
		for _, cosine := range []float64{1e-9, 1e-3, 0.05, 0.1, 0.5, 1} {
			step := func(inner gorgonia.Solver) (float64, l4.Info) {
				w := newParam("w", tensor.Float64, []int{2}, []float64{0, 0})
				w.setGrad([]float64{3, 0})
				s := l4.New(valuer{gorgonia.NewF64(1)}, inner)
				if err := s.Step([]gorgonia.ValueGrad{w}); err != nil {
					t.Fatal(err)
				}
				x := numbers(w.w)
				return math.Hypot(x[0], x[1]), s.Last()
			}
			along, _ := step(direction(func(w, g []float64) { w[0] -= g[0] }))
			got, info := step(direction(func(w, g []float64) {
				w[0] -= cosine * g[0]
				w[1] -= math.Sqrt(1-cosine*cosine) * g[0]
			}))
			if want := along / max(cosine, 0.1); math.Abs(got-want) > 1e-9*want {
				t.Errorf("cosine %v: a step of %v, want %v; %+v", cosine, got, want, info)
			}
		}
	})
}

// faulty fails in its third step in the given way, after it has changed weights and gradients.
type faulty struct {
	steps int
	how   func() error
}

func (f *faulty) Step(model []gorgonia.ValueGrad) error {
	f.steps++
	if f.steps != 3 {
		return (&heavyBall{rate: 1}).Step(model)
	}
	for _, x := range []gorgonia.Value{model[0].Value(), gradOf(model[0])} {
		eachNumber(x, func(x *float64) { *x = 17 })
	}
	return f.how()
}

// TestInnerFails: if the inner solver fails during its step, the weights stay, the gradients are
// zero, and training can continue.
func TestInnerFails(t *testing.T) {
	cause := errors.New("as told")
	for name, how := range map[string]func() error{
		"error":   func() error { return cause },
		"panic":   func() error { panic(cause) },
		"runtime": func() error { none := []error{}; return none[0] },
	} {
		for _, dt := range dtypes {
			t.Run(fmt.Sprintf("%s/%v", name, dt), func(t *testing.T) {
				newSolver := over(func() gorgonia.Solver { return &faulty{how: how} })
				opts := []l4.Option{l4.WithL2Reg(0.1), l4.WithClip(5)}
				tr := newTrial(t, problems["quadratic"], dt, newSolver, opts...).run(2)
				before := weightsOf(tr.model)
				tr.eval()
				rejecting(t, tr.solver, newSolver(valuer{tr.loss}, opts...), func() {
					err := tr.solver.Step(valueGrads(tr.model))
					if err == nil || !strings.Contains(err.Error(), "faulty") ||
						name == "error" && !errors.Is(err, cause) {
						t.Errorf("error %v", err)
					}
				})
				wantEqual(t, weightsOf(tr.model), before)
				for _, p := range tr.model {
					wantEqual(t, numbers(p.g), make([]float64, len(numbers(p.g))))
				}
				tr.run(20)
			})
		}
	}
}

// MarshalBinary does not save the number of steps, so that a test can compare the states of the
// outer solver.
func (*faulty) MarshalBinary() ([]byte, error) { return nil, nil }
func (*faulty) UnmarshalBinary([]byte) error   { return nil }

// TestInnerNotFinite: a direction that is not finite is an error, and the weights stay.
func TestInnerNotFinite(t *testing.T) {
	for _, x := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		w := newParam("w", tensor.Float64, []int{3}, ramp(3, 1))
		w.setGrad(ramp(3, 2))
		before := numbers(w.w)
		s := l4.New(
			valuer{gorgonia.NewF64(1)},
			direction(func(w, g []float64) { w[1] = x }),
			l4.WithSkipNonFinite(5),
		)
		if err := s.Step([]gorgonia.ValueGrad{w}); !errors.Is(err, l4.ErrNonFinite) {
			t.Errorf("%v: error %v", x, err)
		}
		wantEqual(t, numbers(w.w), before)
	}
}

// TestInnerSees: the inner solver gets copies with the name, the shape, the weight and the gradient
// of each parameter.
func TestInnerSees(t *testing.T) {
	w := newParam("w", tensor.Float32, []int{2, 2}, []float64{1, 2, 3, 4})
	b := &param{name: "b", w: gorgonia.NewF64(5), g: gorgonia.NewF64(6)}
	w.setGrad([]float64{-9, 0.5, 0, 1})
	calls := 0
	look := stepFunc(func(model []gorgonia.ValueGrad) error {
		calls++
		if n := model[0].(gorgonia.Namer).Name(); n != "w" {
			t.Errorf("name %q", n)
		}
		if v := model[0].Value(); v.Dtype() != tensor.Float32 ||
			!v.Shape().Eq(tensor.Shape{2, 2}) ||
			v == w.w {
			t.Errorf("weight %v of shape %v", v.Dtype(), v.Shape())
		}
		if v := model[1].Value(); v.Dtype() != tensor.Float64 || !v.Shape().Eq(tensor.Shape{1}) {
			t.Errorf("scalar %v of shape %v", v.Dtype(), v.Shape())
		}
		wantEqual(t, numbers(model[0].Value()), []float64{1, 2, 3, 4})
		wantClose(t, numbers(gradOf(model[0])), []float64{-2 + 0.1, 0.5 + 0.2, 0.3, 1 + 0.4}, 1e-6)
		return nil
	})
	if err := l4.New(valuer{gorgonia.NewF64(1)}, look, l4.WithClip(2),
		l4.WithL2Reg(0.1)).Step([]gorgonia.ValueGrad{w, b}); err != nil ||
		calls != 1 {
		t.Errorf("error %v, %d calls", err, calls)
	}
}

type stepFunc func(model []gorgonia.ValueGrad) error

func (f stepFunc) Step(model []gorgonia.ValueGrad) error { return f(model) }

func TestNilInner(t *testing.T) {
	for _, inner := range []gorgonia.Solver{nil, (*gorgonia.AdamSolver)(nil)} {
		w := newParam("w", tensor.Float64, []int{1}, []float64{1})
		err := l4.New(valuer{gorgonia.NewF64(1)}, inner).Step([]gorgonia.ValueGrad{w})
		if err == nil || !strings.Contains(err.Error(), "nil") {
			t.Errorf("error %v", err)
		}
	}
}

// TestInnerCannotBeSaved: the error says that the inner solver cannot be saved.
func TestInnerCannotBeSaved(t *testing.T) {
	s := l4.New(newBowl(), gorgonia.NewAdamSolver())
	if _, err := s.MarshalBinary(); err == nil || !strings.Contains(err.Error(), "AdamSolver") {
		t.Errorf("error %v", err)
	}
	data, err := l4.New(newBowl(), &heavyBall{rate: 1}).MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.UnmarshalBinary(data); err == nil || !strings.Contains(err.Error(), "AdamSolver") {
		t.Errorf("error %v", err)
	}
}

// TestInnerOfAnotherModel: if the first step fails, the next step may have another model.
func TestInnerOfAnotherModel(t *testing.T) {
	fails := true
	step := func(s stepper, n int) ([]float64, error) {
		w := newParam("w", tensor.Float64, []int{n}, ramp(n, 1))
		w.setGrad(ramp(n, 2))
		err := s.Step([]gorgonia.ValueGrad{w})
		return numbers(w.w), err
	}
	s := l4.New(valuer{gorgonia.NewF64(1)}, stepFunc(func(model []gorgonia.ValueGrad) error {
		if fails {
			return errors.New("as told")
		}
		return (&heavyBall{rate: 0.1}).Step(model)
	}))
	if _, err := step(s, 3); err == nil {
		t.Fatal("no error")
	}
	fails = false
	got, err := step(s, 5)
	if err != nil {
		t.Fatal(err)
	}
	want, _ := step(solvers["L4"](valuer{gorgonia.NewF64(1)}), 5)
	wantEqual(t, got, want)
}
