package l4_test

import (
	"strings"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
)

// framework hides the loss as goro does: the solver is made before the graphs, there is one graph
// for a sample and one for a batch, and nobody looks at Step's error.
type framework struct {
	solver gorgonia.Solver
	graphs map[int]*fit // by number of rows
}

func newFramework(t *testing.T, dt tensor.Dtype, solver gorgonia.Solver, dual bool) *framework {
	weights := fitWeights(dt)
	f := &framework{solver, map[int]*fit{}}
	for _, rows := range []int{1, 2, 8} {
		f.graphs[rows] = newFit(t, dt, weights, rows, dual)
	}
	return f
}

// fitRows trains on some rows. It returns the weights.
func (f *framework) fitRows(t *testing.T, dt tensor.Dtype, step, rows int) []float64 {
	t.Helper()
	g := f.graphs[rows]
	if err := g.eval(dt, step, 0); err != nil {
		t.Fatal(err)
	}
	f.solver.Step(g.model)
	return append(numbers(g.weights[0].Value()), numbers(g.weights[1].Value())...)
}

// TestHiddenLoss: a solver without a loss makes the steps of one that is told the loss of each
// graph, to the bit, also from a saved state on.
func TestHiddenLoss(t *testing.T) {
	everySolver(t, func(t *testing.T, newSolver newSolver, dt tensor.Dtype) {
		for _, dual := range []bool{true, false} {
			told, hidden := newSolver(nil), newSolver((*gorgonia.Node)(nil))
			a, b := newFramework(t, dt, told, dual), newFramework(t, dt, hidden, dual)
			for step, rows := range []int{2, 8, 8, 1, 2, 2, 8, 1, 1, 2} {
				told.SetLoss(a.graphs[rows].loss)
				wantEqual(t, b.fitRows(t, dt, step, rows), a.fitRows(t, dt, step, rows))
				if told.Last() != hidden.Last() || told.Last().Step != step+1 {
					t.Fatalf("step %d: %+v, want %+v", step, hidden.Last(), told.Last())
				}
				if step == 4 {
					if data, err := hidden.MarshalBinary(); err == nil { // not of Gorgonia's
						hidden = newSolver(nil)
						if err := hidden.UnmarshalBinary(data); err != nil {
							t.Fatal(err)
						}
						b.solver = hidden
					}
				}
			}
		}
	})
}

// TestHiddenLossDoesNotAllocate: after the first step in each graph, so that no graph is searched
// again.
func TestHiddenLossDoesNotAllocate(t *testing.T) {
	dt := tensor.Float64
	solver := l4.NewL4Adam(nil)
	f := newFramework(t, dt, solver, true)
	for _, rows := range []int{1, 2, 8} {
		f.fitRows(t, dt, 0, rows)
	}
	if n := testing.AllocsPerRun(50, func() {
		for _, g := range f.graphs {
			if err := solver.Step(g.model); err != nil {
				t.Fatal(err)
			}
		}
	}); n > 0 {
		t.Errorf("%v allocations a step", n)
	}
}

// TestMachinesWithHiddenLoss: a graph of all kinds of parameters. A Lisp machine differentiates
// without gorgonia.Grad, and so without a trace of the loss.
func TestMachinesWithHiddenLoss(t *testing.T) {
	for name, machine := range machines {
		g, loss, weights := mixedGraph(tensor.Float64)
		run := machine(t, g, loss, weights)
		s := l4.NewL4Adam(nil)
		for range 3 {
			if err := run(); err != nil {
				t.Fatal(err)
			}
			err := s.Step(gorgonia.NodesToValueGrads(weights))
			if name == "lisp" {
				if err == nil || !strings.Contains(err.Error(), "Lisp machine") {
					t.Errorf("%s: error %v", name, err)
				}
			} else if err != nil || s.Last().Loss != numbers(loss.Value())[0] {
				t.Errorf("%s: loss %v, want %v, error %v", name, s.Last().Loss, loss.Value(), err)
			}
		}
	}
}
