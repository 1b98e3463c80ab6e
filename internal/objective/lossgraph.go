package objective

import (
	"maps"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/bind"
)

// lossGraph is the result of the checks of a graph. A Reader makes them when it first sees the
// loss, or the first weight if the loss is not a node, and again when the graph has grown.
type lossGraph struct {
	size      int            // number of nodes of the graph
	loss      *gorgonia.Node // nil if the loss is not a node or cannot be found
	lossErr   error          // the gradients are not the loss's, or the loss cannot be found
	opErr     error          // an operation has a wrong gradient
	others    []otherNode
	consumers []*gorgonia.Node // the nodes that are computed from the loss
}

// graphKey identifies a lossGraph.
type graphKey struct {
	weight, loss *gorgonia.Node // the first weight that is a node; the loss, nil if not a node
	find         bool           // find the loss
}

// maxKnown is the largest number of graphs that a Reader remembers.
const maxKnown = 64

// graph returns the lossGraph of the loss's graph or, if loss is nil, of the weights' graph. It
// returns nil if neither the loss nor a weight is a node.
func (r *Reader) graph(model []gorgonia.ValueGrad, loss *gorgonia.Node,
	find bool) *lossGraph {
	key := graphKey{loss: loss, find: find}
	for _, v := range model {
		if key.weight = weightNode(v); key.weight != nil {
			break
		}
	}
	of := loss
	if of == nil {
		of = key.weight
	}
	if of == nil {
		return nil
	}
	size := len(of.Graph().AllNodes())
	if known := r.known[key]; known != nil && known.size == size {
		return known
	}
	g := newLossGraph(newGraph(of.Graph()), model, loss, find, r.CheckOps)
	if g.size = size; g.loss != nil && bind.IsNil(g.loss.Value()) {
		return g // before the first run other nodes may still get the memory of the loss
	}
	if r.known == nil || len(r.known) == maxKnown {
		r.known = map[graphKey]*lossGraph{}
	}
	r.known[key] = g
	return g
}

// newLossGraph checks a graph.
func newLossGraph(g graph, model []gorgonia.ValueGrad, loss *gorgonia.Node,
	find, checkOps bool) *lossGraph {
	var weights []*gorgonia.Node
	symbolic := false // the gradients are from gorgonia.Grad and not from a Lisp machine
	for _, v := range model {
		if n := weightNode(v); n != nil && n.Graph() == g.ExprGraph {
			weights = append(weights, n)
			symbolic = symbolic || n.Deriv() != nil
		}
	}
	if len(weights) == 0 && loss != nil { // the parameters may have a type that hides their nodes
		for n := range g.below(loss) {
			if n.Deriv() != nil {
				weights, symbolic = append(weights, n), true
			}
		}
	}
	differentiated, ends := g.above(weights, symbolic)
	s := &lossGraph{loss: loss}
	if find {
		s.loss, s.lossErr = theLoss(ends, symbolic)
	}
	if s.loss != nil {
		ends = []*gorgonia.Node{s.loss}
		s.others, s.consumers = g.othersThan(s.loss), g.consumers[s.loss]
	}
	forward := g.below(ends...)
	maps.DeleteFunc(differentiated, func(n *gorgonia.Node, _ bool) bool { return !forward[n] })
	if s.loss != nil && s.loss.Deriv() != nil && symbolic {
		s.lossErr = g.checkGradOnce(differentiated, forward, s.loss)
	}
	if checkOps {
		s.opErr = g.checkOps(weights, differentiated, forward, symbolic)
	}
	return s
}

// theLoss returns the node that gorgonia.Grad started from. ends are all such nodes.
func theLoss(ends []*gorgonia.Node, symbolic bool) (*gorgonia.Node, error) {
	switch {
	case !symbolic:
		return nil, errors.New("l4: the loss is nil and cannot be found, because no weight has a " +
			"gradient from gorgonia.Grad (a Lisp machine does not use it): " + remedy)
	case len(ends) > 1:
		return nil, errors.Errorf("l4: the loss is nil and cannot be found, because gorgonia.Grad "+
			"was called for several losses, %v and %v: "+remedy, ends[0], ends[1])
	}
	return ends[0], nil
}

// check returns an error if the gradients are not the loss's, if the value of another node has
// overwritten the loss, or if an operation has a wrong gradient.
func (s *lossGraph) check(model []gorgonia.ValueGrad, copied bool) error {
	if s.loss != nil {
		if err := checkGradients(s.loss, s.consumers, model); err != nil {
			return err
		}
		if s.lossErr != nil {
			return s.lossErr
		}
		if err := checkOverwritten(s.loss, s.others, copied); err != nil {
			return err
		}
	}
	return s.opErr
}

const remedy = "call SetLoss with the node that you passed to gorgonia.Grad"

// checkGradients returns an error if the gradients of the model's nodes are not the loss's.
func checkGradients(loss *gorgonia.Node, consumers []*gorgonia.Node,
	model []gorgonia.ValueGrad) error {
	symbolic := false // the gradients are from gorgonia.Grad and not from a Lisp machine
	for i, v := range model {
		n := nodeOf(v)
		if n == nil {
			continue
		}
		if n.Graph() != loss.Graph() {
			return errors.Errorf("l4: the loss belongs to another graph than %s: "+
				"call SetLoss with the loss of the graph that was run", bind.NameOf(i, n))
		}
		symbolic = symbolic || n.Deriv() != nil
	}
	// gorgonia.Grad accepts scalars only, so a loss that is a tensor is not the node that it got.
	if !symbolic || loss.Dims() > 0 {
		return nil
	}
	if loss.Deriv() == nil {
		return errors.Errorf("l4: the gradients do not belong to this loss, %v: %s", loss, remedy)
	}
	for _, c := range consumers {
		if c.Deriv() != nil {
			return errors.Errorf("l4: the gradients belong to %v, which is computed from this "+
				"loss: %s", c, remedy)
		}
	}
	// The program can pass any gradient of the loss to gorgonia.Backpropagate.
	if factor, _, err := bind.Number(loss.Deriv().Value()); err == nil && factor != 1 {
		return errors.Errorf("l4: the gradients are %v times the gradients of this loss, %v: "+
			"pass 1 as the gradient of the loss", factor, loss)
	}
	return nil
}

// checkGradOnce returns an error if a gradient is not the gradient of the complete loss. That
// happens if a program also calls gorgonia.Grad for another loss: gorgonia.Grad does not change the
// gradients that nodes have already.
func (g graph) checkGradOnce(differentiated, forward nodes, loss *gorgonia.Node) error {
	for _, n := range g.AllNodes() {
		if n == loss || !differentiated[n] {
			continue
		}
		count, equal := 0, false
		var gradients []*gorgonia.Node // from which the gradient of n must be computed
		for _, c := range g.consumers[n] {
			if !differentiated[c] || uses(n, c) == 0 {
				continue
			}
			count += uses(n, c)
			equal = equal || n.Deriv() == c.Deriv() && !passesGradientOn(c, n)
			// Gorgonia merges equal nodes, so that the constant 1 occurs anywhere.
			if d := backward(c, n); d != nil && d != loss.Deriv() {
				gradients = append(gradients, d)
			}
		}
		// The gradient of a node with several uses is a sum with one part for each use.
		if equal && count == 1 || additions(n.Deriv()) < count-1 ||
			!computedFrom(n.Deriv(), gradients, forward) {
			return errors.Errorf("l4: the gradient of %v does not belong to the loss, %v, because "+
				"gorgonia.Grad was called for another loss before and does not change its "+
				"gradients: build one graph for each loss", n, loss)
		}
	}
	return nil
}

// checkOverwritten returns an error if the value of another node has overwritten the loss. A copy
// of the loss, made by ReadLoss, is correct unless a Reshape of the loss is the cause.
func checkOverwritten(node *gorgonia.Node, others []otherNode, copied bool) error {
	if len(others) == 0 {
		return nil
	}
	at := memoryOf(node.Value())
	for _, n := range others {
		if at == 0 || memoryOf(n.Value()) != at {
			continue
		}
		if n.viaReshape {
			return errors.Errorf("l4: the value of %v, computed from the reshaped loss, "+
				"overwrites the loss: compute it without Reshape, Slice or Transpose of the loss",
				n.Node)
		}
		if !copied {
			return errors.Errorf("l4: the value of %v overwrites the loss: call l4.ReadLoss(loss) "+
				"before you create the virtual machine, and pass the result to the solver", n.Node)
		}
	}
	return nil
}

// otherNode is a node whose value Gorgonia may store in the loss's memory.
type otherNode struct {
	*gorgonia.Node
	viaReshape bool // computed from the reshaped loss, which shares the memory of the loss
}

// othersThan returns the nodes whose values Gorgonia may store in the memory of the loss. If the
// loss is a tensor, these are all nodes that the loss is not computed from. If the loss is a
// scalar, these are the nodes that are computed from the loss through a Reshape.
func (g graph) othersThan(loss *gorgonia.Node) []otherNode {
	below := g.below(loss)

	viaReshape := map[*gorgonia.Node]bool{}
	var down func(n *gorgonia.Node)
	down = func(n *gorgonia.Node) {
		for _, u := range g.consumers[n] {
			if sharesMemory(u) {
				down(u)
			} else if n != loss {
				viaReshape[u] = true
			}
		}
	}
	down(loss)

	_, isTensor := loss.Value().(*tensor.Dense)
	var others []otherNode
	for _, n := range g.AllNodes() {
		if !below[n] && !sharesMemory(n) && (isTensor || viaReshape[n]) {
			others = append(others, otherNode{n, viaReshape[n]})
		}
	}
	return others
}

// memoryOf returns the address of the value's first element, or 0 if the value has no elements.
func memoryOf(v gorgonia.Value) uintptr {
	if bind.IsNil(v) || v.MemSize() == 0 {
		return 0
	}
	return v.Uintptr()
}
