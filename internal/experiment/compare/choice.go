package compare

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"

	"github.com/l4-go/l4"
)

// Choice is a solver with its number, such as adam:2e-4 on the command line.
type Choice struct {
	Name   string
	Number float64 // 0 for a solver without a number
}

// Solver returns the chosen solver. For an unknown name it returns an empty Solver.
func (c Choice) Solver() Solver {
	named := func(s Solver) bool { return s.Name == c.Name }
	if i := slices.IndexFunc(Solvers, named); i >= 0 {
		return Solvers[i]
	}
	return Solver{}
}

// Constant reports whether the number is a constant learning rate.
func (c Choice) Constant() bool { return c.Solver().Number == Rate }

// String returns the title with the number: "L4Adam 0.15".
func (c Choice) String() string {
	s := c.Solver()
	if s.Number == "" {
		return s.Title
	}
	return fmt.Sprintf("%s %v", s.Title, c.Number)
}

// Short returns the title with the number, but without a fraction that is the default: "L4Adam",
// "Adam 0.001".
func (c Choice) Short() string {
	if s := c.Solver(); s.Number == Fraction && c.Number == s.Default {
		return s.Title
	}
	return c.String()
}

// New makes the solver for one run.
func (c Choice) New() Instance {
	s := c.Solver().New(c.Number)
	rate := func() float64 { return 0 }
	switch s := s.(type) {
	case interface{ Last() l4.Info }:
		rate = func() float64 { return s.Last().LearnRate }
	case interface{ LearnRate() float64 }:
		rate = s.LearnRate
	default:
		if c.Constant() {
			rate = func() float64 { return c.Number }
		}
	}
	return Instance{Solver: s, LearnRate: rate}
}

// Instance is a solver for one run.
type Instance struct {
	gorgonia.Solver
	// LearnRate returns the learning rate of the last step, or 0 if the rate is unknown.
	LearnRate func() float64
}

// SetLoss sets the loss of the next step, if the solver has a method SetLoss.
func SetLoss(s gorgonia.Solver, loss gorgonia.Valuer) {
	if s, ok := s.(interface{ SetLoss(gorgonia.Valuer) }); ok {
		s.SetLoss(loss)
	}
}

// Choices is a list of solvers with their numbers.
type Choices []Choice

// String returns the list as a user types it.
func (cs Choices) String() string {
	var words []string
	for _, c := range cs {
		word := c.Name
		if s := c.Solver(); s.Number != "" && c.Number != s.Default {
			word += fmt.Sprintf(":%v", c.Number)
		}
		words = append(words, word)
	}
	return strings.Join(words, ",")
}

// ParseChoices parses a list of solvers, such as l4adam,l4mom:0.25,adam:1e-3, and returns them in
// the order of the list. Each word is the name of a solver, or the beginning of the names of
// several solvers. A number after a colon replaces the default.
func ParseChoices(solvers []Solver, list string) (Choices, error) {
	var choices Choices
	for word := range strings.SplitSeq(list, ",") {
		name, text, given := strings.Cut(strings.TrimSpace(word), ":")
		named, err := Match("solver", solvers, name, func(s Solver) string { return s.Name })
		if err != nil {
			return nil, err
		}
		for _, s := range named {
			c := Choice{s.Name, s.Default}
			if given {
				if c.Number, err = s.parse(text); err != nil {
					return nil, err
				}
			}
			if slices.Contains(choices, c) {
				return nil, errors.Errorf("%v is in the list twice: name it once", c)
			}
			choices = append(choices, c)
		}
	}
	return choices, nil
}

// MustParseChoices parses a list of Solvers in the source code. It panics if the list is invalid.
func MustParseChoices(list string) Choices {
	choices, err := ParseChoices(Solvers, list)
	if err != nil {
		panic(err)
	}
	return choices
}

func (s Solver) parse(text string) (float64, error) {
	if s.Number == "" {
		return 0, errors.Errorf("%s:%s: the solver %[1]s does not take a number: name it %[1]s",
			s.Name, text)
	}
	x, err := strconv.ParseFloat(text, 64)
	if err != nil || !(x > 0 && x < 1e6) {
		return 0, errors.Errorf("%s: invalid %s %q: want a number between 0 and 1e6", s.Name,
			s.Number, text)
	}
	return x, nil
}
