package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pkg/errors"

	"github.com/l4-go/l4/internal/experiment/train"
)

// solverSpec is a solver to compare, as the user named it.
type solverSpec struct {
	Kind  string
	Value float64 // fraction or learning rate
}

func (s solverSpec) kind() train.Kind {
	k, _ := train.KindOf(s.Kind)
	return k
}

func (s solverSpec) String() string { return fmt.Sprintf("%s %v", s.kind().Title, s.Value) }

// constant reports whether the solver's number is a learning rate.
func (s solverSpec) constant() bool { return s.kind().Number == train.Rate }

// solverList is a flag: solvers separated by commas, each with its number after a colon if it is
// not the default.
type solverList []solverSpec

func (l *solverList) Type() string { return "list" }

func (l solverList) String() string {
	var words []string
	for _, s := range l {
		word := s.Kind
		if s.Value != s.kind().Value {
			word += fmt.Sprintf(":%v", s.Value)
		}
		words = append(words, word)
	}
	return strings.Join(words, ",")
}

func (l *solverList) Set(text string) error {
	var specs solverList
	for _, word := range strings.Split(text, ",") {
		s, err := parseSolver(strings.TrimSpace(word))
		if err != nil {
			return err
		}
		if slices.Contains(specs, s) {
			return errors.Errorf("%v stands there twice: name it once", s)
		}
		specs = append(specs, s)
	}
	*l = specs
	return nil
}

func parseSolver(word string) (solverSpec, error) {
	name, number, given := strings.Cut(word, ":")
	k, ok := train.KindOf(name)
	if !ok {
		var names []string
		for _, k := range train.Kinds {
			names = append(names, k.Name)
		}
		return solverSpec{}, errors.Errorf("no solver %q: choose from %s", name,
			strings.Join(names, ", "))
	}
	if !given {
		return solverSpec{name, k.Value}, nil
	}
	v, err := strconv.ParseFloat(number, 64)
	if err != nil || !(v > 0 && v < 1e6) {
		return solverSpec{}, errors.Errorf("%s: %q is no %s: want a number above 0, below 1e6",
			name, number, k.Number)
	}
	return solverSpec{name, v}, nil
}

// mustParseSolvers parses the list of an experiment, which is part of the program.
func mustParseSolvers(text string) solverList {
	var l solverList
	if err := l.Set(text); err != nil {
		panic(err)
	}
	return l
}

// sameKind reports whether two solvers differ in nothing but their constant rates.
func (l solverList) sameKind() bool {
	for i, s := range l {
		same := func(o solverSpec) bool { return o.Kind == s.Kind }
		if s.constant() && slices.ContainsFunc(l[:i], same) {
			return true
		}
	}
	return false
}
