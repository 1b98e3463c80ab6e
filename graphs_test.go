package l4_test

import (
	"fmt"
	"testing"

	"gorgonia.org/tensor"
)

// TestManyGraphs: one solver steps weights that graphs for several batch sizes share. It does not
// allocate memory when the graph changes.
func TestManyGraphs(t *testing.T) {
	for name, newSolver := range solvers {
		for _, dual := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/dual %v", name, dual), func(t *testing.T) {
				dt := tensor.Float64
				weights, alone := fitWeights(dt), fitWeights(dt)
				graphs := map[int]*fit{}
				for _, rows := range []int{2, 4, 8} {
					graphs[rows] = newFit(t, dt, weights, rows, dual)
				}
				s := newSolver(nil)
				var reference stepper
				for step, rows := range []int{2, 8, 4, 4, 2, 8, 2, 8, 4, 2} {
					f := graphs[rows]
					if err := f.eval(dt, step, 0); err != nil {
						t.Fatal(err)
					}
					s.SetLoss(f.loss)
					if err := s.Step(f.model); err != nil {
						t.Fatal(err)
					}

					// The same with copies of the weights and gradients outside any graph.
					var copies []*param
					for i, w := range alone {
						copies = append(
							copies,
							&param{
								name: f.weights[i].Name(),
								w:    w,
								g:    tensor.New(tensor.WithShape(w.Shape()...), tensor.Of(dt)),
							},
						)
					}
					if reference == nil {
						reference = newSolver(nil)
					}
					g := newFit(t, dt, alone, rows, true)
					if err := g.eval(dt, step, 0); err != nil {
						t.Fatal(err)
					}
					for i := range copies {
						copies[i].setGrad(numbers(gradOf(g.weights[i])))
					}
					reference.SetLoss(g.loss)
					if err := reference.Step(valueGrads(copies)); err != nil {
						t.Fatal(err)
					}
					wantEqual(
						t,
						append(numbers(weights[0]), numbers(weights[1])...),
						append(numbers(alone[0]), numbers(alone[1])...),
					)
				}
				if !dual {
					return // new gradients in new memory at every run
				}
				a, b := graphs[2], graphs[8]
				if n := testing.AllocsPerRun(50, func() {
					for _, f := range []*fit{a, b} {
						s.SetLoss(f.loss)
						if err := s.Step(f.model); err != nil {
							t.Fatal(err)
						}
					}
				}); n > 0 {
					t.Errorf("%v allocations a step", n)
				}
			})
		}
	}
}
