package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pkg/errors"
)

// count is a flag: a whole number above 0. A zero count is none yet and prints as nothing.
type count int

func (c *count) Type() string { return "number" }

func (c *count) String() string {
	if *c == 0 {
		return ""
	}
	return strconv.Itoa(int(*c))
}

func (c *count) Set(text string) error {
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil || n < 1 {
		return errors.Errorf("%q: want a whole number, at least 1", text)
	}
	*c = count(n)
	return nil
}

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
