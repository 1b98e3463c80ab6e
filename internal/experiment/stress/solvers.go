package stress

import (
	"strconv"
	"strings"

	"github.com/l4-go/l4/internal/experiment/compare"
)

// The lists of solvers that studies compare. Adam has five rates, of which the report chooses the
// best for each task. The other solvers have their authors' defaults.
var (
	adams        = compare.MustParseChoices("adam:1e-4,adam:3e-4,adam:1e-3,adam:3e-3,adam:1e-2")
	suiteSolvers = with("l4adam,l4mom,l4adam-plain,l4mom-plain", "schedule-free,dog,prodigy,momo")
	fewSolvers   = with("l4adam,l4mom")
	timeSolvers  = with("l4adam-time:1,l4mom-time:1,l4adam-time:3,l4mom-time:3," +
		"l4adam-time:10,l4mom-time:10,l4adam-time:30,l4mom-time:30")
	innerSolvers = with("l4-sgd:1,l4-sgd:4.75,l4-sgd:19," +
		"l4-rmsprop:1,l4-rmsprop:4.75,l4-rmsprop:19,l4-adam:1,l4-adam:4.75,l4-adam:19")
)

// with returns a list of solvers, Adam at its five rates, and further solvers.
func with(first string, further ...string) compare.Choices {
	solvers := append(compare.MustParseChoices(first), adams...)
	for _, list := range further {
		solvers = append(solvers, compare.MustParseChoices(list)...)
	}
	return solvers
}

// isBaseline reports whether the solver is Adam, with whose best rate other solvers are compared.
func isBaseline(c compare.Choice) bool { return c.Name == "adam" }

// Weights selects the weights of a run to evaluate.
type Weights int

// The weights after the last step, their average, or both.
const (
	Last Weights = 1 << iota
	Averaged
	Both = Last | Averaged
)

// weightsOf returns the weights of a solver's runs to evaluate. The average is evaluated only for
// solvers that it may help. For DoG only the average is evaluated, as DoG's authors do.
func weightsOf(c compare.Choice) Weights {
	switch c.Name {
	case "l4adam-plain", "l4mom-plain", "schedule-free", "prodigy", "momo":
		return Last
	case "dog":
		return Averaged
	case "adam":
		if c.Number < 1e-3 {
			return Last
		}
	}
	return Both
}

// nameOf returns the name of a solver in the file of runs, such as adam-1e-3, or l4adam for L4Adam
// with its default.
func nameOf(c compare.Choice) string {
	switch s := c.Solver(); {
	case s.Number == compare.Rate:
		number := strconv.FormatFloat(c.Number, 'e', -1, 64)
		return c.Name + "-" + strings.Replace(number, "e-0", "e-", 1)
	case s.Number != "" && c.Number != s.Default:
		return c.Name + "-" + strconv.FormatFloat(c.Number, 'g', -1, 64)
	}
	return c.Name
}
