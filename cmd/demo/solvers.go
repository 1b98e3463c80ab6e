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

func (s solverSpec) String() string {
	return fmt.Sprintf("%s %v", train.Kinds[s.Kind].Title, s.Value)
}

// constant says that the solver's number is a learning rate.
func (s solverSpec) constant() bool { return train.Kinds[s.Kind].Number == "rate" }

// guarded says that it is L4 with its guard.
func (s solverSpec) guarded() bool { return strings.HasSuffix(s.Kind, "+guard") }

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
		k, ok := train.Kinds[name]
		if !ok {
			return errors.Errorf("no solver %q: choose from %s", name, strings.Join(sortedKeys(train.Kinds), ", "))
		}
		s := solverSpec{name, k.Value}
		if given {
			v, err := strconv.ParseFloat(number, 64)
			if err != nil || !(v > 0 && v < 1e6) {
				return errors.Errorf("%s: %q is no %s", name, number, k.Number)
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

// withFraction returns the solvers of L4 with another fraction.
func (l solverList) withFraction(alpha float64) solverList {
	var others solverList
	for _, s := range l {
		if other := (solverSpec{s.Kind, alpha}); !s.constant() && !slices.Contains(others, other) {
			others = append(others, other)
		}
	}
	return others
}

// sameKind says whether two solvers differ in nothing but their constant rates.
func (l solverList) sameKind() bool {
	for i, s := range l {
		if s.constant() && slices.ContainsFunc(l[:i], func(o solverSpec) bool { return o.Kind == s.Kind }) {
			return true
		}
	}
	return false
}
