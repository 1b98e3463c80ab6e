package compare

import (
	"math"
	"slices"
	"testing"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"
)

// register adds solvers to the registry until the end of the test.
func register(t *testing.T, solvers ...Solver) {
	before := Solvers
	t.Cleanup(func() { Solvers = before })
	Solvers = append(slices.Clone(before), solvers...)
}

// broken is a solver that fails in its twelfth step.
type broken struct{ steps int }

func newBroken(float64) gorgonia.Solver { return new(broken) }

func (b *broken) Step(model []gorgonia.ValueGrad) error {
	if b.steps++; b.steps == 12 {
		return errors.New("broken")
	}
	for _, w := range model {
		grad, err := w.Grad()
		if err != nil {
			return err
		}
		clear(grad.Data().([]float64))
	}
	return nil
}

// CONTRIBUTING.md contains the code from here up to TestNewSolver.

// signDescent moves each weight by a constant rate against the sign of its gradient.
type signDescent struct{ rate float64 }

func (s signDescent) Step(model []gorgonia.ValueGrad) error {
	for _, param := range model {
		grad, err := param.Grad()
		if err != nil {
			return err
		}
		w, g := param.Value().Data().([]float64), grad.Data().([]float64)
		for i := range w {
			w[i] -= s.rate * math.Copysign(1, g[i])
			g[i] = 0
		}
	}
	return nil
}

var added = []Solver{
	{"sign", "Sign descent", rgb(0x332288), Rate, 0.01, func(rate float64) gorgonia.Solver {
		return signDescent{rate}
	}},
}

// TestNewSolver: with an entry in the registry a solver can be chosen by name and number, trains,
// and has a row and a curve.
func TestNewSolver(t *testing.T) {
	register(t, added...)
	c, _ := regressions(t, "sign,sign:0.1,l4adam", "")
	train(t, c)
	task := c.Tasks[0]
	for i, title := range []string{"Sign descent 0.01", "Sign descent 0.1"} {
		r := c.Results(task, task.Solvers[i])[0]
		if first, last := r.Epochs[0].Loss, r.Epochs[7].Loss; !(last < first) {
			t.Errorf("%s: the loss goes from %v to %v", title, first, last)
		}
		curve, row := c.Panels(Epochs, MeanLosses)[0][0].Curves[i], c.summary(task)[1+i]
		if curve.Name != title || curve.Color != added[0].Color || row[0] != title {
			t.Errorf("curve %s, row %v, want %s", curve.Name, row, title)
		}
	}
}
