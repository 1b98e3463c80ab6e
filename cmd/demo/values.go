package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pkg/errors"

	"github.com/l4-go/l4/internal/experiment/compare"
)

// count is the value of a flag: an integer from 1 to most. 0 means that the flag is not set, and
// prints as "".
type count struct {
	n    *int
	most int
}

func (c count) Type() string { return "number" }

func (c count) String() string {
	if *c.n == 0 {
		return ""
	}
	return strconv.Itoa(*c.n)
}

func (c count) Set(text string) error {
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil || n < 1 || n > c.most {
		return errors.Errorf("%q: want an integer from 1 to %d", text, c.most)
	}
	*c.n = n
	return nil
}

// maxSeeds is the largest number of seeds. The list of all runs, one for each seed, task and
// solver, is in memory before the first run.
const maxSeeds = 1000

// countList is the value of a flag: different counts, separated by commas.
type countList []int

func (l *countList) Type() string { return "list" }

func (l *countList) String() string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint([]int(*l)), " ", ","), "[]")
}

func (l *countList) Set(text string) error {
	var ns countList
	for _, word := range strings.Split(text, ",") {
		var n int
		if err := (count{&n, compare.MaxCount}).Set(word); err != nil {
			return err
		}
		if slices.Contains(ns, n) {
			return errors.Errorf("%d is in the list twice: name it once", n)
		}
		ns = append(ns, n)
	}
	*l = ns
	return nil
}

// dtypeName is the value of a flag: the name of the weights' dtype.
type dtypeName string

func (d *dtypeName) Type() string   { return "type" }
func (d *dtypeName) String() string { return string(*d) }

func (d *dtypeName) Set(text string) error {
	if text != "float32" && text != "float64" {
		return errors.Errorf("%q: want float32 or float64", text)
	}
	*d = dtypeName(text)
	return nil
}

// solverList is the value of a flag: some of the offered solvers; see compare.ParseChoices.
type solverList struct {
	choices *compare.Choices
	offered []compare.Solver
}

func (l solverList) Type() string   { return "list" }
func (l solverList) String() string { return l.choices.String() }

func (l solverList) Set(text string) (err error) {
	*l.choices, err = compare.ParseChoices(l.offered, text)
	return err
}
