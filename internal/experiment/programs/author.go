package programs

import (
	"fmt"

	"gorgonia.org/gorgonia"
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
	return Author{fmt.Sprint("Gorgonia's Adam ", rate), func() gorgonia.Solver {
		return gorgonia.NewAdamSolver(gorgonia.WithLearnRate(rate))
	}}
}

// rmsProp has no batch size. Programs that give it one do nothing by that.
func rmsProp(rate float64) Author {
	return Author{fmt.Sprint("RMSProp ", rate), func() gorgonia.Solver {
		return gorgonia.NewRMSPropSolver(gorgonia.WithLearnRate(rate))
	}}
}
