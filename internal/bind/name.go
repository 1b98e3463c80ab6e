package bind

import (
	"fmt"
	"strconv"
	"strings"

	"gorgonia.org/gorgonia"
	gt "gorgonia.org/tensor"
)

// unnamed is what a leaf of a graph without a name calls itself.
const unnamed = "%!s(<nil>)()"

// nameOf returns what tells a parameter from others: its own name if it has one, as in Gorgonia's
// solvers, otherwise its position.
func nameOf(i int, p gorgonia.ValueGrad) string {
	if named, ok := p.(gorgonia.Namer); ok && !IsNil(p) {
		if name := named.Name(); name != "" {
			return name
		}
	}
	return positionPrefix + strconv.Itoa(i)
}

// positionPrefix and a number name a parameter without a name in saved states.
const positionPrefix = "parameter #"

// NameOf returns the name of a parameter in messages: its own name if it has one, otherwise its
// position and shape.
func NameOf(i int, p gorgonia.ValueGrad) string {
	var shape gt.Shape
	if !IsNil(p) {
		if w := p.Value(); !IsNil(w) {
			shape = w.Shape()
		}
	}
	return shownAs(nameOf(i, p), i, shape)
}

func shownAs(name string, i int, shape gt.Shape) string {
	position, isPosition := strings.CutPrefix(name, positionPrefix)
	switch {
	case name != unnamed && !(isPosition && position == strconv.Itoa(i)):
		return name
	case shape == nil:
		return fmt.Sprintf("weight %d", i)
	}
	return fmt.Sprintf("weight %d, shape %v", i, shape)
}
