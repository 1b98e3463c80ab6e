package l4

import (
	"fmt"
	"strings"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/bind"
)

// lossReader reads the loss as one number.
type lossReader struct {
	loss  gorgonia.Valuer
	known map[*gorgonia.Node]surroundings // of each loss so far that is a node
}

// surroundings are the nodes around a loss that matter for reading it.
type surroundings struct {
	others    []otherNode      // whose values may come to lie in the memory of the loss
	consumers []*gorgonia.Node // that are computed from the loss
}

// maxKnown is how many losses a lossReader remembers, with all of their graphs.
const maxKnown = 64

// otherNode is a node whose value Gorgonia may store in the loss's memory.
type otherNode struct {
	*gorgonia.Node
	viaReshape bool // computed from the reshaped loss, which lies in the memory of the loss
}

// ReadLoss returns a Valuer for a loss that is a tensor and that other nodes are computed from.
// Gorgonia may store their values in its memory, so that the value of the node itself is wrong;
// Step then returns an error that points here. ReadLoss adds a gorgonia.Read to the graph, so call
// it before the virtual machine is made. A loss without a graph, such as a constant, is returned as
// it is.
func ReadLoss(loss *gorgonia.Node) gorgonia.Valuer {
	if loss == nil || loss.Graph() == nil {
		return loss
	}
	r := &readLoss{node: loss}
	gorgonia.Read(loss, &r.value)
	return r
}

// LossFunc is a loss that a function returns when Step asks for it: one that is not known when the
// solver is made, a gorgonia.Value that gorgonia.Read fills, or a number that a program computes
// itself:
//
//	var value gorgonia.Value
//	gorgonia.Read(loss, &value)
//	solver := l4.NewL4Adam(l4.LossFunc(func() gorgonia.Value { return value }))
//
// Step cannot check that its gradients are those of the loss, as it does for a node.
type LossFunc func() gorgonia.Value

// Value calls f.
func (f LossFunc) Value() gorgonia.Value { return f() }

type readLoss struct {
	node  *gorgonia.Node
	value gorgonia.Value
}

func (r *readLoss) Value() gorgonia.Value { return r.value }

// A modelChecker is a loss that knows which models have its gradients, such as the mean loss of
// several batches.
type modelChecker interface {
	// CheckModel returns an error if the gradients of a model are not those of the loss.
	CheckModel(model []gorgonia.ValueGrad) error
}

// Rounding alone may take a loss of zero this far below zero: sixteen times the relative precision
// of its type, enough for the mean of logarithms of probabilities.
const rounding32, rounding64 = 16 * 0x1p-23, 16 * 0x1p-52

// read returns the loss as it stands, and the rounding of its type. It returns an error if it finds
// that the gradients of the model are not those of the loss.
func (r *lossReader) read(model []gorgonia.ValueGrad) (loss, rounding float64, err error) {
	if isNil(r.loss) {
		return 0, 0, errors.New("l4: the loss is nil; " + remedy)
	}
	if c, ok := r.loss.(modelChecker); ok {
		if err := c.CheckModel(model); err != nil {
			return 0, 0, err
		}
	}
	v := r.loss.Value()
	if v == nil {
		return 0, 0, errors.New("l4: the loss has no value; run the virtual machine before Step. " +
			"After machine.UnbindAll(), or if the machine ran a clone of the graph, give SetLoss " +
			"l4.ReadLoss(loss) or an l4.LossFunc instead of the node")
	}
	if isNil(v) {
		return 0, 0, errors.Errorf("l4: the loss is a nil %T", v)
	}
	if node, copied := r.node(); node != nil && node.Graph() != nil {
		around := r.around(node)
		if err := checkGradients(node, around.consumers, model); err != nil {
			return 0, 0, err
		}
		if err := checkOverwritten(node, around.others, copied); err != nil {
			return 0, 0, err
		}
	}
	switch v := v.(type) {
	case *gorgonia.F32:
		return float64(*v), rounding32, nil
	case *gorgonia.F64:
		return float64(*v), rounding64, nil
	case *tensor.Dense:
		if n := v.Shape().TotalSize(); n != 1 {
			return 0, 0, errors.Errorf("l4: the loss has shape %v, want one number", v.Shape())
		}
		switch v.Dtype() {
		case tensor.Float32:
			return float64(v.Float32s()[0]), rounding32, nil
		case tensor.Float64:
			return v.Float64s()[0], rounding64, nil
		}
		return 0, 0, errors.Errorf("l4: the loss has dtype %v, want float32 or float64", v.Dtype())
	}
	return 0, 0, errors.Errorf("l4: the loss is a %T, "+
		"want a float32 or float64 scalar or tensor of one element", v)
}

// node returns the node of the loss, or nil, and whether ReadLoss copies its value in time.
func (r *lossReader) node() (node *gorgonia.Node, copied bool) {
	switch l := r.loss.(type) {
	case *gorgonia.Node:
		return l, false
	case *readLoss:
		return l.node, true
	}
	return nil, false
}

// around returns the surroundings of a loss, which it finds when it sees the loss for the first
// time.
func (r *lossReader) around(loss *gorgonia.Node) surroundings {
	s, ok := r.known[loss]
	if ok {
		return s
	}
	s.others = othersThan(loss)
	for it := loss.Graph().To(loss.ID()); it != nil && it.Next(); {
		s.consumers = append(s.consumers, it.Node().(*gorgonia.Node))
	}
	if r.known == nil || len(r.known) == maxKnown {
		r.known = map[*gorgonia.Node]surroundings{}
	}
	r.known[loss] = s
	return s
}

const remedy = "call SetLoss with the node that gorgonia.Grad was given"

// checkGradients returns an error if the gradients of the model's nodes are not those of the loss.
func checkGradients(loss *gorgonia.Node, consumers []*gorgonia.Node,
	model []gorgonia.ValueGrad) error {
	symbolic := false // the gradients are nodes, as of gorgonia.Grad, and not of a Lisp machine
	for i, v := range model {
		n, ok := v.(*gorgonia.Node)
		if !ok || n == nil {
			continue
		}
		if n.Graph() != loss.Graph() {
			return errors.Errorf("l4: the loss belongs to another graph than %s; "+
				"call SetLoss with the loss of the graph that was run", bind.NameOf(i, n))
		}
		symbolic = symbolic || n.Deriv() != nil
	}
	// gorgonia.Grad takes scalars only, so a tensor is another node.
	if !symbolic || loss.Dims() > 0 {
		return nil
	}
	if loss.Deriv() == nil {
		return errors.Errorf("l4: the gradients are not those of this loss, %v; %s", loss, remedy)
	}
	for _, c := range consumers {
		if c.Deriv() != nil {
			return errors.Errorf("l4: the gradients are those of %v, which is computed from this "+
				"loss; %s", c, remedy)
		}
	}
	if share, ok := number(loss.Deriv().Value()); ok && share != 1 { // as by gorgonia.Backpropagate
		return errors.Errorf("l4: the gradients are %v of this loss's, %v; "+
			"make them those of the loss", share, loss)
	}
	return nil
}

// number returns the number of a scalar.
func number(v gorgonia.Value) (x float64, ok bool) {
	switch v := v.(type) {
	case *gorgonia.F32:
		return float64(*v), true
	case *gorgonia.F64:
		return float64(*v), true
	}
	return 0, false
}

// checkOverwritten returns an error if the value of another node has taken the memory of the loss.
// A copy made by ReadLoss is right unless a Reshape is the cause.
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
				"overwrites the loss; compute it without Reshape, Slice or Transpose of the loss",
				n.Node)
		}
		if !copied {
			return errors.Errorf("l4: the value of %v overwrites the loss; call l4.ReadLoss(loss) "+
				"before the virtual machine is made and give the solver the result", n.Node)
		}
	}
	return nil
}

// sharesMemory reports whether the value of n lies in the memory of its operand.
func sharesMemory(n *gorgonia.Node) bool {
	switch strings.TrimPrefix(fmt.Sprintf("%T", n.Op()), "*") { // the types are not exported
	case "gorgonia.reshapeOp", "gorgonia.transposeOp", "gorgonia.sliceOp":
		return true
	}
	return false
}

// othersThan returns the nodes whose values may come to lie in the memory of the loss. If that is a
// tensor, they are all nodes that it is not computed from; if it is a scalar, those computed from
// it through a Reshape.
func othersThan(loss *gorgonia.Node) []otherNode {
	g := loss.Graph()
	ancestors := map[*gorgonia.Node]bool{}
	var up func(n *gorgonia.Node)
	up = func(n *gorgonia.Node) {
		if ancestors[n] {
			return
		}
		ancestors[n] = true
		for it := g.From(n.ID()); it != nil && it.Next(); {
			up(it.Node().(*gorgonia.Node))
		}
	}
	up(loss)

	viaReshape := map[*gorgonia.Node]bool{}
	var down func(n *gorgonia.Node)
	down = func(n *gorgonia.Node) {
		for it := g.To(n.ID()); it != nil && it.Next(); {
			u := it.Node().(*gorgonia.Node)
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
		if !ancestors[n] && !sharesMemory(n) && (isTensor || viaReshape[n]) {
			others = append(others, otherNode{n, viaReshape[n]})
		}
	}
	return others
}

// memoryOf returns the address of the value's first element, 0 if it has none.
func memoryOf(v gorgonia.Value) uintptr {
	if isNil(v) || v.MemSize() == 0 {
		return 0
	}
	return v.Uintptr()
}
