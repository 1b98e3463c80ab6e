package train

import (
	"gorgonia.org/gorgonia"

	"github.com/l4-go/l4"
)

// Solver is a solver whose learning rate can be read.
type Solver struct {
	gorgonia.Solver
	// LearnRate returns the one of the last step.
	LearnRate func() float64
}

// Kind is a way to make a solver from one number.
type Kind struct {
	Title  string
	Number string  // what the number means: "fraction" for L4, "rate" for a constant learning rate
	Value  float64 // default
	New    func(loss gorgonia.Valuer, value float64) Solver
}

// Kinds are the solvers that can be compared; a new one joins by one line. Adam is set up as in the paper.
var Kinds = map[string]Kind{
	"l4adam": {"L4Adam", "fraction", 0.15, func(loss gorgonia.Valuer, alpha float64) Solver {
		return adaptive(l4.NewL4Adam(loss, l4.WithFraction(alpha)))
	}},
	"l4mom": {"L4Mom", "fraction", 0.15, func(loss gorgonia.Valuer, alpha float64) Solver {
		return adaptive(l4.NewL4Mom(loss, l4.WithFraction(alpha)))
	}},
	"adam": {"Adam", "rate", 1e-3, func(_ gorgonia.Valuer, rate float64) Solver {
		return constant(gorgonia.NewAdamSolver(gorgonia.WithLearnRate(rate), gorgonia.WithEps(1e-4)), rate)
	}},
	"momentum": {"Momentum", "rate", 0.05, func(_ gorgonia.Valuer, rate float64) Solver {
		return constant(gorgonia.NewMomentum(gorgonia.WithLearnRate(rate), gorgonia.WithMomentum(0.9)), rate)
	}},
	"sgd": {"SGD", "rate", 0.1, func(_ gorgonia.Valuer, rate float64) Solver {
		return constant(gorgonia.NewVanillaSolver(gorgonia.WithLearnRate(rate)), rate)
	}},
	"rmsprop": {"RMSProp", "rate", 1e-3, func(_ gorgonia.Valuer, rate float64) Solver {
		return constant(gorgonia.NewRMSPropSolver(gorgonia.WithLearnRate(rate)), rate)
	}},
}

func adaptive(s interface {
	gorgonia.Solver
	Last() l4.Info
}) Solver {
	return Solver{Solver: s, LearnRate: func() float64 { return s.Last().LearnRate }}
}

func constant(s gorgonia.Solver, rate float64) Solver {
	return Solver{Solver: s, LearnRate: func() float64 { return rate }}
}
