package l4_test

import (
	"math"
	"strings"
	"testing"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
)

// shifted is a problem with a constant added to its loss, and penalised one with a penalty in it.
func shifted(p problem, by float64) problem {
	loss := p.loss
	p.loss = func(w, grad []float64) float64 { return loss(w, grad) + by }
	return p
}

func penalised(p problem, l1, l2 float64) problem {
	loss := p.loss
	p.loss = func(w, grad []float64) float64 {
		sum := loss(w, grad)
		for i, x := range w {
			sum += l1*math.Abs(x) + l2/2*x*x
			grad[i] += l2 * x
			if x != 0 {
				grad[i] += math.Copysign(l1, x)
			}
		}
		return sum
	}
	return p
}

// everyProblem runs a test in float64 for each problem and solver.
func everyProblem(t *testing.T, test func(t *testing.T, p problem, newSolver newSolver)) {
	for problemName, p := range problems {
		for solverName, newSolver := range solvers {
			t.Run(problemName+"/"+solverName, func(t *testing.T) { test(t, p, newSolver) })
		}
	}
}

// TestRegularisation: with a penalty as an option the trajectory is that of a loss that contains
// it.
func TestRegularisation(t *testing.T) {
	everyProblem(t, func(t *testing.T, p problem, newSolver newSolver) {
		for _, c := range []struct{ l1, l2 float64 }{{0, 0.1}, {0.1, 0}, {0.03, 0.2}} {
			option := newTrial(
				t,
				p,
				tensor.Float64,
				newSolver,
				l4.WithL1Reg(c.l1),
				l4.WithL2Reg(c.l2),
			).run(25)
			inLoss := newTrial(t, penalised(p, c.l1, c.l2), tensor.Float64, newSolver).run(25)
			wantClose(t, weightsOf(option.model), weightsOf(inLoss.model), 1e-9)
			got, want := option.solver.Last(), inLoss.solver.Last()
			wantClose(
				t,
				[]float64{got.Loss + got.Penalty, got.LMin, got.LearnRate},
				[]float64{want.Loss, want.LMin, want.LearnRate},
				1e-9,
			)
			if got.Penalty <= 0 {
				t.Errorf("penalty %v", got.Penalty)
			}
		}
	})
}

// TestRidge is ridge regression through Gorgonia: WithL2Reg takes the steps that L4 takes on a
// graph which contains the penalty.
func TestRidge(t *testing.T) {
	const lambda, points, features = 0.3, 20, 4
	train := func(inGraph bool, newSolver newSolver) []float64 {
		g := gorgonia.NewGraph()
		must := gorgonia.Must
		node := func(name string, xs []float64, shape ...int) *gorgonia.Node {
			return gorgonia.NewTensor(
				g,
				tensor.Float64,
				len(shape),
				gorgonia.WithName(name),
				gorgonia.WithShape(shape...),
				gorgonia.WithValue(tensor.New(tensor.WithShape(shape...), tensor.WithBacking(xs))),
			)
		}
		x, y, w := node(
			"x",
			ramp(points*features, 1),
			points,
			features,
		), node(
			"y",
			ramp(points, 2),
			points,
		), node(
			"w",
			ramp(features, 3),
			features,
		)
		loss := must(
			gorgonia.Mean(must(gorgonia.Square(must(gorgonia.Sub(must(gorgonia.Mul(x, w)), y))))),
		)
		var opts []l4.Option
		if inGraph {
			penalty := must(
				gorgonia.Mul(
					gorgonia.NewConstant(lambda/2),
					must(gorgonia.Sum(must(gorgonia.Square(w)))),
				),
			)
			loss = must(gorgonia.Add(loss, penalty))
		} else {
			opts = append(opts, l4.WithL2Reg(lambda))
		}
		weights := gorgonia.Nodes{w}
		run := tape(t, g, loss, weights, gorgonia.BindDualValues(weights...))
		s := newSolver(loss, opts...)
		for range 100 {
			if err := run(); err != nil {
				t.Fatal(err)
			}
			if err := s.Step(gorgonia.NodesToValueGrads(weights)); err != nil {
				t.Fatal(err)
			}
		}
		return numbers(w.Value())
	}
	for name, newSolver := range solvers {
		t.Run(
			name,
			func(t *testing.T) {
				wantClose(t, train(false, newSolver), train(true, newSolver), 1e-9)
			},
		)
	}
}

// TestLossFloor: a loss moved up or down by a constant, with the floor moved along, gives the same
// steps.
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

// TestBelowTheFloor: a loss below the floor is ErrNegativeLoss, names the remedy and changes
// nothing. What rounding alone takes below it is none.
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

// TestWeightDecay: a step with decay is that without from weights multiplied by 1-λ, given the same
// loss and gradient.
func TestWeightDecay(t *testing.T) {
	const lambda = 0.01
	everySolver(t, func(t *testing.T, newSolver newSolver, dt tensor.Dtype) {
		step := func(opts ...l4.Option) ([]float64, l4.Info) {
			w := newParam("w", dt, []int{40}, ramp(40, 1))
			s := newSolver(valuer{gorgonia.NewF64(1)}, opts...)
			for range 3 {
				w.setWeight(ramp(40, 1))
				w.setGrad(ramp(40, 2))
				if err := s.Step([]gorgonia.ValueGrad{w}); err != nil {
					t.Fatal(err)
				}
			}
			return numbers(w.w), s.Last()
		}
		want, info := step(l4.WithoutBound()) // which goes by how far the weights have come
		got, decayed := step(l4.WithoutBound(), l4.WithWeightDecay(lambda))
		for i, x := range ramp(40, 1) {
			want[i] -= lambda * x
		}
		wantClose(t, got, want, 1e-5)
		if decayed != info {
			t.Errorf("Info %+v, without decay %+v", decayed, info)
		}
	})
}

func scaled(xs []float64, by float64) []float64 {
	out := make([]float64, len(xs))
	for i, x := range xs {
		out[i] = by * x
	}
	return out
}

func dot(a, b []float64) (sum float64) {
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}

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

// TestRecorder: the recorder gets what Last returns, after successful steps only, and it may call
// Last.
func TestRecorder(t *testing.T) {
	var s *l4.L4Adam
	var infos []l4.Info
	loss, model := newBowl(), []*param{newParam("w", tensor.Float64, []int{3}, ramp(3, 1))}
	s = l4.NewL4Adam(loss, l4.WithSkipNonFinite(1), l4.WithRecorder(func(i l4.Info) {
		if i != s.Last() {
			t.Errorf("recorded %+v, Last is %+v", i, s.Last())
		}
		infos = append(infos, i)
	}))
	for _, scale := range []float64{1, math.NaN(), 1, math.NaN(), math.NaN(), 1} {
		loss.eval(model, 1)
		*loss.F64 *= gorgonia.F64(scale)
		_ = s.Step(valueGrads(model))
	}
	if len(infos) != 3 || infos[2].Step != 3 || infos[2].Skipped != 2 {
		t.Errorf("recorded %+v", infos)
	}
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

// TestOverflowAboveFloor: a loss too far above its floor is not finite.
func TestOverflowAboveFloor(t *testing.T) {
	w := newParam("w", tensor.Float64, []int{1}, []float64{1})
	s := l4.NewL4Adam(valuer{gorgonia.NewF64(1e308)}, l4.WithLossFloor(-1.7e308))
	if err := s.Step([]gorgonia.ValueGrad{w}); !errors.Is(err, l4.ErrNonFinite) {
		t.Errorf("error %v", err)
	}
}
