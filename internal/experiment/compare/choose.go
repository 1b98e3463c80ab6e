package compare

import (
	"slices"
	"strings"

	"github.com/pkg/errors"
)

// Match returns the element of all with the given name or, if there is none, the elements whose
// names begin with word. If there are no such elements either, the error lists all names and calls
// an element what.
func Match[T any](what string, all []T, word string, name func(T) string) ([]T, error) {
	if i := slices.IndexFunc(all, func(x T) bool { return name(x) == word }); i >= 0 {
		return all[i : i+1], nil
	}
	var matches []T
	var names []string
	for _, x := range all {
		names = append(names, name(x))
		if word != "" && strings.HasPrefix(name(x), word) {
			matches = append(matches, x)
		}
	}
	if len(matches) == 0 {
		return nil, errors.Errorf("unknown %s %q: choose from %s", what, word,
			strings.Join(names, ", "))
	}
	return matches, nil
}

// Choose returns the elements of all that the words match, in the order of all. If words is nil, it
// returns all. It is an error if a word matches nothing, or if two words match the same element. See
// Match.
func Choose[T any](what string, all []T, words []string, name func(T) string) ([]T, error) {
	if words == nil {
		return all, nil
	}
	if len(words) == 0 { // the list of a flag is empty
		words = []string{""}
	}
	chosen := map[string]bool{}
	for _, word := range words {
		matches, err := Match(what, all, strings.TrimSpace(word), name)
		if err != nil {
			return nil, err
		}
		for _, x := range matches {
			if chosen[name(x)] {
				return nil, errors.Errorf("%s is in the list twice: name it once", name(x))
			}
			chosen[name(x)] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(all), func(x T) bool { return !chosen[name(x)] }), nil
}
