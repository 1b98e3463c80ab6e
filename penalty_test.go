package l4_test

import (
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
)

// TestRegularisation: a penalty as an option gives the same trajectory as a penalty in the loss.
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

// TestRidge is ridge regression with Gorgonia: WithL2Reg makes the same steps as a graph that
// contains the penalty.
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
