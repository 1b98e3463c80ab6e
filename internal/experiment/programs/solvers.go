package programs

import (
	"fmt"

	"gorgonia.org/gorgonia"

	"github.com/l4-go/l4"
)

// Author is the solver that programs of this kind are published with.
type Author struct {
	Title string
	New   func() gorgonia.Solver
}

func sgd(rate float64) Author {
	return Author{fmt.Sprint("SGD ", rate), func() gorgonia.Solver {
		return gorgonia.NewVanillaSolver(gorgonia.WithLearnRate(rate))
	}}
}

func adam(rate float64) Author {
	return Author{fmt.Sprint("Adam ", rate), func() gorgonia.Solver {
		return gorgonia.NewAdamSolver(gorgonia.WithLearnRate(rate))
	}}
}

// rmsProp has no batch size. Programs that give it one do nothing by that.
func rmsProp(rate float64) Author {
	return Author{fmt.Sprint("RMSProp ", rate), func() gorgonia.Solver {
		return gorgonia.NewRMSPropSolver(gorgonia.WithLearnRate(rate))
	}}
}

// Solver is a solver to try on all programs.
type Solver struct {
	Name, Title string
	// New returns what makes the solver for a program.
	New func(p Program) NewSolver
}

// Solvers are those of the comparison. The first is the author's of each program, which the others
// are measured by.
var Solvers = []Solver{
	{"author", "author's", func(p Program) NewSolver {
		return func(gorgonia.Valuer) gorgonia.Solver { return p.Author.New() }
	}},
	{"l4adam", "L4Adam", func(p Program) NewSolver {
		return func(loss gorgonia.Valuer) gorgonia.Solver {
			return l4.NewL4Adam(loss, options(p)...)
		}
	}},
	{"l4mom", "L4Mom", func(p Program) NewSolver {
		return func(loss gorgonia.Valuer) gorgonia.Solver {
			return l4.NewL4Mom(loss, options(p)...)
		}
	}},
	{"adam", "Adam 0.001", func(Program) NewSolver {
		return func(gorgonia.Valuer) gorgonia.Solver { return adam(1e-3).New() }
	}},
}

// options are those of l4 that a program needs.
func options(p Program) []l4.Option {
	if p.WrongGradient {
		return []l4.Option{l4.WithUncheckedOps()}
	}
	return nil
}
