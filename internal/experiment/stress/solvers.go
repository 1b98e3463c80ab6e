package stress

import (
	"fmt"
	"strings"

	"gorgonia.org/gorgonia"

	"github.com/l4-go/l4"
	"github.com/l4-go/l4/internal/experiment/baseline"
)

// Solver is a way to train, to be compared with others.
type Solver struct {
	Name  string // short, and different from the other solvers'
	Title string
	New   func(loss gorgonia.Valuer) gorgonia.Solver
	// Which weights are evaluated: those that the solver leaves, their average, or both.
	Weights Weights
	Rate    bool // Adam with one of the rates from which each task's best is chosen
}

// Weights tells which weights of a run are evaluated.
type Weights int

const (
	Last Weights = 1 << iota
	Averaged
	Both = Last | Averaged
)

// plain are the options of the paper's algorithm.
var plain = []l4.Option{l4.WithoutBound()}

// Solvers returns all that the suite compares. Whatever has defaults has its authors'.
func Solvers() []Solver {
	solvers := []Solver{
		l4Solver("l4adam", "L4Adam", Both, l4Adam()),
		l4Solver("l4mom", "L4Mom", Both, l4Mom()),
		l4Solver("l4adam-plain", "L4Adam, plain", Last, l4Adam(plain...)),
		l4Solver("l4mom-plain", "L4Mom, plain", Last, l4Mom(plain...)),
	}
	for _, rate := range []float64{1e-4, 3e-4, 1e-3, 3e-3, 1e-2} {
		solvers = append(solvers, adam(rate))
	}
	return append(solvers,
		Solver{Name: "schedule-free", Title: "Schedule-Free AdamW", Weights: Last,
			New: func(gorgonia.Valuer) gorgonia.Solver { return baseline.NewScheduleFree() }},
		Solver{Name: "dog", Title: "DoG", Weights: Averaged,
			New: func(gorgonia.Valuer) gorgonia.Solver { return baseline.NewDoG() }},
		Solver{Name: "prodigy", Title: "Prodigy", Weights: Last,
			New: func(gorgonia.Valuer) gorgonia.Solver { return baseline.NewProdigy() }},
		Solver{Name: "momo", Title: "MoMo-Adam", Weights: Last,
			New: func(l gorgonia.Valuer) gorgonia.Solver { return baseline.NewMoMoAdam(l) }},
	)
}

// adam returns Adam at one of the rates from which the best is chosen. Of the rates that may be the
// best for all tasks, the average of the weights is evaluated, too.
func adam(rate float64) Solver {
	number := strings.Replace(fmt.Sprintf("%.0e", rate), "e-0", "e-", 1)
	s := Solver{Name: "adam-" + number, Title: "Adam " + number, Weights: Last, Rate: true,
		New: func(gorgonia.Valuer) gorgonia.Solver { return baseline.NewAdam(rate) }}
	if rate >= 1e-3 {
		s.Weights = Both
	}
	return s
}

func l4Solver(name, title string, w Weights, new func(gorgonia.Valuer) gorgonia.Solver) Solver {
	return Solver{Name: name, Title: title, Weights: w, New: new}
}

func l4Adam(opts ...l4.Option) func(gorgonia.Valuer) gorgonia.Solver {
	return func(loss gorgonia.Valuer) gorgonia.Solver { return l4.NewL4Adam(loss, opts...) }
}

func l4Mom(opts ...l4.Option) func(gorgonia.Valuer) gorgonia.Solver {
	return func(loss gorgonia.Valuer) gorgonia.Solver { return l4.NewL4Mom(loss, opts...) }
}

// swapper has weights to evaluate that are not those in training. Swap puts them into the model
// and, called again, puts those in training back.
type swapper interface{ Swap() error }
