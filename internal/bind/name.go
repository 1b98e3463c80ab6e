package bind

import (
	"fmt"
	"strconv"
	"strings"

	"gorgonia.org/gorgonia"
	gt "gorgonia.org/tensor"
)

// unnamed is the result of Node.Name for a leaf of a graph without a name.
const unnamed = "%!s(<nil>)()"

// nameOf returns the name of a parameter in saved states: the parameter's name if it has one,
// otherwise its position.
func nameOf(i int, p gorgonia.ValueGrad) string {
	if named, ok := p.(gorgonia.Namer); ok && !IsNil(p) {
		if name := named.Name(); name != "" {
			return name
		}
	}
	return positionPrefix + strconv.Itoa(i)
}

// positionPrefix and the position form the name of a parameter without a name.
const positionPrefix = "parameter #"

// NameOf returns the name of a parameter in messages: the parameter's name if it has one, otherwise
// its position and shape.
func NameOf(i int, p gorgonia.ValueGrad) string {
	var shape gt.Shape
	if !IsNil(p) {
		if w := p.Value(); !IsNil(w) {
			shape = w.Shape()
		}
	}
	return shownAs(nameOf(i, p), i, shape)
}

// shownAs returns the name in messages of a parameter with the given name in saved states.
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
