package objective

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"gorgonia.org/gorgonia"
)

// graph is a Gorgonia graph that can be traversed. The methods From and To of an ExprGraph do not
// serve for that: they look for a node by its number. If a node has been removed, as by
// gorgonia.BinaryXent, they return the neighbors of another node.
type graph struct {
	*gorgonia.ExprGraph
	consumers map[*gorgonia.Node][]*gorgonia.Node // the nodes that are computed from a node
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

// operands returns the nodes that n is computed from. The caller must not write to the slice.
func operands(n *gorgonia.Node) gorgonia.Nodes {
	children := reflect.ValueOf(n).Elem().FieldByName("children")
	if !children.IsValid() {
		return nil
	}
	return *(*gorgonia.Nodes)(children.Addr().UnsafePointer())
}

// below returns the nodes tops and all nodes that they are computed from.
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

// above returns the nodes bottoms and all nodes that are computed from them. ends are the found
// nodes without a found consumer. If symbolic is true, above finds only nodes that have a gradient
// from gorgonia.Grad.
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

// uses returns the number of operands of c that are n and that c is differentiated with respect to.
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

// additions returns the number of additions of two nodes at the end of the computation of n.
func additions(n *gorgonia.Node) (count int) {
	for ; n != nil && isElementwise(n, "+"); n = operands(n)[0] {
		count++
	}
	return count
}

// passesGradientOn reports whether the gradient of c may also be the gradient of its operand n.
func passesGradientOn(c, n *gorgonia.Node) bool {
	return opName(c) == "" || isElementwise(c, "+") ||
		isElementwise(c, "-") && operands(c)[0] == n
}

// backward returns the gradient of c, from which the gradient of its operand n is computed, or nil
// if the operation of c may ignore it. If c negates n and its gradient is a negation, Gorgonia
// removes both negations, and backward returns the operand of the gradient.
func backward(c, n *gorgonia.Node) *gorgonia.Node {
	switch opName(c) {
	case "elemBinOp", "elemUnaryOp", "linAlgBinOp", "sumOp":
		negates := isNegation(c) || isElementwise(c, "-") && operands(c)[1] == n
		if negates && isNegation(c.Deriv()) {
			return operands(c.Deriv())[0]
		}
		return c.Deriv()
	}
	return nil
}

// computedFrom reports whether n is computed from all of the gradients. It looks at the nearest
// nodes first, and does not look beyond the nodes of forward.
func computedFrom(n *gorgonia.Node, gradients []*gorgonia.Node, forward nodes) bool {
	left := nodes{}
	for _, d := range gradients {
		left[d] = true
	}
	found := nodes{n: true}
	for queue := []*gorgonia.Node{n}; len(left) > 0 && len(queue) > 0; queue = queue[1:] {
		delete(left, queue[0])
		for _, operand := range operands(queue[0]) {
			if !found[operand] && (left[operand] || !forward[operand]) {
				found[operand] = true
				queue = append(queue, operand)
			}
		}
	}
	return len(left) == 0
}

// opName returns the name of the type of a node's operation. Gorgonia does not export these types.
// opName returns "" for an operation of another package, and for a node without an operation.
func opName(n *gorgonia.Node) string {
	name, ok := strings.CutPrefix(strings.TrimPrefix(fmt.Sprintf("%T", n.Op()), "*"), "gorgonia.")
	if !ok {
		return ""
	}
	return name
}

// isElementwise reports whether a node is the elementwise binary operation with the given sign.
func isElementwise(n *gorgonia.Node, sign string) bool {
	return opName(n) == "elemBinOp" && strings.HasPrefix(n.Op().String(), sign+" ")
}

// isNegation reports whether a node is the negation of its operand.
func isNegation(n *gorgonia.Node) bool {
	return opName(n) == "elemUnaryOp" && n.Op().String() == "neg"
}

// sharesMemory reports whether the value of n uses the memory of its operand.
func sharesMemory(n *gorgonia.Node) bool {
	switch opName(n) {
	case "reshapeOp", "transposeOp", "sliceOp":
		return true
	}
	return false
}
