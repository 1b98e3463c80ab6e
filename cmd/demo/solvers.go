package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"

	"github.com/l4-go/l4"
	"github.com/l4-go/l4/internal/train"
)

// solverSpec is a solver to compare, as the user named it.
type solverSpec struct {
	Kind  string
	Value float64 // fraction or learning rate
}

func (s solverSpec) String() string {
	return fmt.Sprintf("%s %v", kinds[s.Kind].title, s.Value)
}

// kind is a way to make a solver.
type kind struct {
	title  string
	number string  // what value means
	value  float64 // default
	make   func(loss gorgonia.Valuer, value float64) train.Solver
}

// kinds are the solvers that can be compared; a new one joins by one line. Adam is set up as in the paper.
var kinds = map[string]kind{
	"l4adam": {"L4Adam", "fraction", 0.15, func(loss gorgonia.Valuer, alpha float64) train.Solver {
		return adaptive(l4.NewL4Adam(loss, l4.WithFraction(alpha)))
	}},
	"l4mom": {"L4Mom", "fraction", 0.15, func(loss gorgonia.Valuer, alpha float64) train.Solver {
		return adaptive(l4.NewL4Mom(loss, l4.WithFraction(alpha)))
	}},
	"adam": {"Adam", "rate", 1e-3, func(_ gorgonia.Valuer, rate float64) train.Solver {
		return constant(gorgonia.NewAdamSolver(gorgonia.WithLearnRate(rate), gorgonia.WithEps(1e-4)), rate)
	}},
	"momentum": {"Momentum", "rate", 0.05, func(_ gorgonia.Valuer, rate float64) train.Solver {
		return constant(gorgonia.NewMomentum(gorgonia.WithLearnRate(rate), gorgonia.WithMomentum(0.9)), rate)
	}},
	"sgd": {"SGD", "rate", 0.1, func(_ gorgonia.Valuer, rate float64) train.Solver {
		return constant(gorgonia.NewVanillaSolver(gorgonia.WithLearnRate(rate)), rate)
	}},
	"rmsprop": {"RMSProp", "rate", 1e-3, func(_ gorgonia.Valuer, rate float64) train.Solver {
		return constant(gorgonia.NewRMSPropSolver(gorgonia.WithLearnRate(rate)), rate)
	}},
}

func adaptive(s interface {
	gorgonia.Solver
	Last() l4.Info
}) train.Solver {
	return train.Solver{Solver: s, LearnRate: func() float64 { return s.Last().LearnRate }}
}

func constant(s gorgonia.Solver, rate float64) train.Solver {
	return train.Solver{Solver: s, LearnRate: func() float64 { return rate }}
}

// solverList is a flag: solvers separated by commas, each with its number behind a colon if it is not the
// default.
type solverList []solverSpec

func (l *solverList) String() string {
	var words []string
	for _, s := range *l {
		words = append(words, fmt.Sprintf("%s:%v", s.Kind, s.Value))
	}
	return strings.Join(words, ",")
}

func (l *solverList) Set(text string) error {
	*l = nil
	for _, word := range strings.Split(text, ",") {
		name, number, given := strings.Cut(strings.TrimSpace(word), ":")
		k, ok := kinds[name]
		if !ok {
			return errors.Errorf("no solver %q: choose from %s", name, strings.Join(sortedKeys(kinds), ", "))
		}
		s := solverSpec{name, k.value}
		if given {
			v, err := strconv.ParseFloat(number, 64)
			if err != nil || !(v > 0 && v < 1e6) {
				return errors.Errorf("%s: %q is no %s", name, number, k.number)
			}
			s.Value = v
		}
		for _, other := range *l {
			if other == s {
				return errors.Errorf("%v twice", s)
			}
		}
		*l = append(*l, s)
	}
	return nil
}
