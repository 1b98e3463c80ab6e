package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pkg/errors"
)

// maxCount is the largest count in a flag or a CSV file. Its product with the steps of an epoch
// fits an int of 64 bits.
const maxCount = 1_000_000_000

// maxStarts is the largest number of starts or seeds. Each is a run of every solver on every task,
// and all runs are listed before the first.
const maxStarts = 1000

// count is a flag: an integer from 1 to maxCount. A zero count is not set and prints as nothing.
type count int

func (c *count) Type() string { return "number" }

func (c *count) String() string {
	if *c == 0 {
		return ""
	}
	return strconv.Itoa(int(*c))
}

func (c *count) Set(text string) error { return c.setUpTo(maxCount, text) }

func (c *count) setUpTo(most int, text string) error {
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil || n < 1 || n > most {
		return errors.Errorf("%q: want an integer from 1 to %d", text, most)
	}
	*c = count(n)
	return nil
}

// starts is a flag: a count up to maxStarts.
type starts struct{ *count }

func (s starts) Set(text string) error { return s.setUpTo(maxStarts, text) }

// countList is a flag: different counts, separated by commas.
type countList []int

func (l *countList) Type() string { return "list" }

func (l *countList) String() string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint([]int(*l)), " ", ","), "[]")
}

func (l *countList) Set(text string) error {
	var ns countList
	for _, word := range strings.Split(text, ",") {
		var n count
		if err := n.Set(word); err != nil {
			return err
		}
		if slices.Contains(ns, int(n)) {
			return errors.Errorf("%d stands there twice: name it once", n)
		}
		ns = append(ns, int(n))
	}
	*l = ns
	return nil
}

// dtypeName is a flag: the name of a type of weights.
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
