package programs

import (
	"fmt"

	"gorgonia.org/gorgonia"
)

// Author is the solver that the authors of programs of this kind use.
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

// rmsProp does not set a batch size, because Gorgonia's RMSProp ignores the option.
func rmsProp(rate float64) Author {
	return Author{fmt.Sprint("RMSProp ", rate), func() gorgonia.Solver {
		return gorgonia.NewRMSPropSolver(gorgonia.WithLearnRate(rate))
	}}
}
