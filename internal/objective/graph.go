package objective

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"gorgonia.org/gorgonia"
)

// graph is a graph of Gorgonia to walk over. The methods From and To of an ExprGraph are no use for
// that: they look for a node by its number, and return the neighbours of another one where a node
// has been removed, as gorgonia.BinaryXent does.
type graph struct {
	*gorgonia.ExprGraph
	consumers map[*gorgonia.Node][]*gorgonia.Node // computed from a node
}

type nodes map[*gorgonia.Node]bool

func newGraph(of *gorgonia.ExprGraph) graph {
	g := graph{of, map[*gorgonia.Node][]*gorgonia.Node{}}
	for _, n := range g.AllNodes() {
		for i, operand := range operands(n) {
			if !slices.Contains(operands(n)[:i], operand) {
				g.consumers[operand] = append(g.consumers[operand], n)
			}
		}
	}
	return g
}

// operands returns the nodes that n is computed from. They may not be written to.
func operands(n *gorgonia.Node) gorgonia.Nodes {
	children := reflect.ValueOf(n).Elem().FieldByName("children")
	if !children.IsValid() {
		return nil
	}
	return *(*gorgonia.Nodes)(children.Addr().UnsafePointer())
}

// below returns some nodes and all that they are computed from.
func (g graph) below(tops ...*gorgonia.Node) nodes {
	found := nodes{}
	var visit func(n *gorgonia.Node)
	visit = func(n *gorgonia.Node) {
		if found[n] {
			return
		}
		found[n] = true
		for _, operand := range operands(n) {
			visit(operand)
		}
	}
	for _, n := range tops {
		visit(n)
	}
	return found
}

// above returns some nodes and all that are computed from them, and those of them that end there.
// If symbolic is true, it takes only nodes that gorgonia.Grad has given a gradient.
func (g graph) above(bottoms []*gorgonia.Node, symbolic bool) (found nodes,
	ends []*gorgonia.Node) {
	found = nodes{}
	var visit func(n *gorgonia.Node)
	visit = func(n *gorgonia.Node) {
		if found[n] || symbolic && n.Deriv() == nil {
			return
		}
		found[n] = true
		end := true
		for _, c := range g.consumers[n] {
			visit(c)
			end = end && !found[c]
		}
		if end {
			ends = append(ends, n)
		}
	}
	for _, n := range bottoms {
		visit(n)
	}
	return found, ends
}

// uses returns how often n is an operand of c with respect to which c is differentiated.
func uses(n, c *gorgonia.Node) (count int) {
	op, ok := c.Op().(gorgonia.SDOp)
	if !ok {
		return 0
	}
	wrt := op.DiffWRT(len(operands(c)))
	for i, operand := range operands(c) {
		if operand == n && i < len(wrt) && wrt[i] {
			count++
		}
	}
	return count
}

// additions returns how many additions of two nodes n ends with.
func additions(n *gorgonia.Node) (count int) {
	for ; n != nil && isElementwise(n, "+"); n = operands(n)[0] {
		count++
	}
	return count
}

// opName returns the name of the type of a node's operation in Gorgonia, where the types are not
// exported; "" for an operation of another package or none.
func opName(n *gorgonia.Node) string {
	name, ok := strings.CutPrefix(strings.TrimPrefix(fmt.Sprintf("%T", n.Op()), "*"), "gorgonia.")
	if !ok {
		return ""
	}
	return name
}

// isElementwise reports whether a node is a binary operation on elements with the given sign.
func isElementwise(n *gorgonia.Node, sign string) bool {
	return opName(n) == "elemBinOp" && strings.HasPrefix(n.Op().String(), sign+" ")
}

// sharesMemory reports whether the value of n lies in the memory of its operand.
func sharesMemory(n *gorgonia.Node) bool {
	switch opName(n) {
	case "reshapeOp", "transposeOp", "sliceOp":
		return true
	}
	return false
}
