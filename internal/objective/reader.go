// Package objective reads the loss of a model. If the weights or the loss are nodes of a graph, it
// checks that the gradients are the loss's, and can find the loss.
package objective

import (
	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"

	"github.com/l4-go/l4/internal/bind"
)

// Reader reads the loss as one number.
type Reader struct {
	Loss     gorgonia.Valuer // nil: find the loss that the gradients belong to
	CheckOps bool            // reject operations with wrong gradients

	known map[graphKey]*lossGraph
}

// Copy is a copy of a node's value. gorgonia.Read makes the copy as soon as the value is computed.
type Copy struct {
	node  *gorgonia.Node
	value gorgonia.Value
}

// NewCopy returns a Copy of a node's value. It adds a gorgonia.Read to the graph.
func NewCopy(node *gorgonia.Node) *Copy {
	c := &Copy{node: node}
	gorgonia.Read(node, &c.value)
	return c
}

// Value returns the value that the last run computed.
func (c *Copy) Value() gorgonia.Value { return c.value }

// Read returns the current value of the loss. narrow reports whether the loss is a float32. Read
// returns an error if it finds that the gradients of the model are not the loss's.
func (r *Reader) Read(model []gorgonia.ValueGrad) (loss float64, narrow bool, err error) {
	source, around, err := r.source(model)
	if err != nil {
		return 0, false, err
	}
	v := source.Value()
	if v == nil {
		return 0, false, errors.New("l4: the loss has no value: run the virtual machine before " +
			"Step. After machine.UnbindAll(), or if the machine ran a clone of the graph, pass " +
			"l4.ReadLoss(loss) or an l4.LossFunc to SetLoss instead of the node")
	}
	node, copied := lossNode(source)
	if around == nil {
		around = r.graph(model, node, false)
	}
	if around != nil {
		if err := around.check(model, copied); err != nil {
			return 0, false, err
		}
	}
	loss, narrow, err = bind.Number(v)
	return loss, narrow, errors.WithMessage(err, "l4: the loss")
}

// source returns the loss to read. If r.Loss is nil, source finds the loss, and also returns its
// lossGraph.
func (r *Reader) source(model []gorgonia.ValueGrad) (gorgonia.Valuer, *lossGraph, error) {
	loss := r.Loss
	if bind.IsNil(loss) {
		loss = nil
		if len(model) > 0 {
			if mean, ok := model[0].(Mean); ok {
				loss = mean.Loss()
			}
		}
	}
	if c, ok := loss.(modelChecker); ok {
		return loss, nil, c.CheckModel(model)
	}
	if loss != nil {
		if node, _ := lossNode(loss); node != nil && len(model) > 0 {
			if _, ok := model[0].(Mean); ok {
				return nil, nil, errors.Errorf("l4: the loss is the node %v, but the gradients "+
					"are means over batches: give the solver the Batches as its loss", node)
			}
		}
		return loss, nil, nil
	}
	around := r.graph(model, nil, true)
	if around == nil {
		return nil, nil, errors.New("l4: the loss is nil and cannot be found, because the " +
			"weights are not nodes of a graph: " + remedy)
	}
	if around.loss == nil {
		return nil, nil, around.lossErr
	}
	return around.loss, around, nil
}

// modelChecker is a loss that knows which models have its gradients, such as the mean loss of
// several batches.
type modelChecker interface {
	// CheckModel returns an error if the gradients of a model are not the loss's.
	CheckModel(model []gorgonia.ValueGrad) error
}

// Mean is a parameter whose gradient is the mean over several batches.
type Mean interface {
	Loss() gorgonia.Valuer      // the mean loss
	Unwrap() gorgonia.ValueGrad // the parameter in the graph of a batch
}

// nodeOf returns the parameter as a node, or nil if the parameter is not a node of a graph.
func nodeOf(v gorgonia.ValueGrad) *gorgonia.Node {
	if n, ok := v.(*gorgonia.Node); ok && n != nil && n.Graph() != nil {
		return n
	}
	return nil
}

// weightNode is nodeOf, but also returns the node of a parameter of Batches.
func weightNode(v gorgonia.ValueGrad) *gorgonia.Node {
	if mean, ok := v.(Mean); ok {
		v = mean.Unwrap()
	}
	return nodeOf(v)
}

// lossNode returns the node of a loss, or nil if the loss is not a node of a graph. copied reports
// whether the loss is a Copy.
func lossNode(loss gorgonia.Valuer) (node *gorgonia.Node, copied bool) {
	switch l := loss.(type) {
	case *gorgonia.Node:
		node = l
	case *Copy:
		node, copied = l.node, true
	}
	if node == nil || node.Graph() == nil {
		return nil, false
	}
	return node, copied
}
