package l4

import (
	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// lossReader reads the loss as one number.
type lossReader struct {
	loss     gorgonia.Valuer // nil for the one that the gradients are of
	checkOps bool            // look for operations with wrong gradients
	known    map[graphKey]*lossGraph
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

// Rounding alone may take a loss of zero this far below zero: sixteen times the relative precision
// of its type, enough for the mean of logarithms of probabilities.
const rounding32, rounding64 = 16 * 0x1p-23, 16 * 0x1p-52

// read returns the loss as it stands, and the rounding of its type. It returns an error if it finds
// that the gradients of the model are not those of the loss.
func (r *lossReader) read(model []gorgonia.ValueGrad) (loss, rounding float64, err error) {
	source, around, err := r.source(model)
	if err != nil {
		return 0, 0, err
	}
	v := source.Value()
	if v == nil {
		return 0, 0, errors.New("l4: the loss has no value; run the virtual machine before Step. " +
			"After machine.UnbindAll(), or if the machine ran a clone of the graph, give SetLoss " +
			"l4.ReadLoss(loss) or an l4.LossFunc instead of the node")
	}
	if isNil(v) {
		return 0, 0, errors.Errorf("l4: the loss is a nil %T", v)
	}
	node, copied := lossNode(source)
	if around == nil {
		around = r.graph(model, node, false)
	}
	if around != nil {
		if err := around.check(model, copied); err != nil {
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

// source returns the loss to read, which it finds if none was given, with the graph around it then.
func (r *lossReader) source(model []gorgonia.ValueGrad) (gorgonia.Valuer, *lossGraph, error) {
	loss := r.loss
	if isNil(loss) {
		loss = nil
		if len(model) > 0 {
			if mean, ok := model[0].(meanParam); ok {
				loss = mean.Loss()
			}
		}
	}
	if c, ok := loss.(modelChecker); ok {
		return loss, nil, c.CheckModel(model)
	}
	if loss != nil {
		return loss, nil, nil
	}
	around := r.graph(model, nil, true)
	if around == nil {
		return nil, nil, errors.New("l4: the loss is nil, and cannot be found because the " +
			"weights are not nodes of a graph; " + remedy)
	}
	if around.loss == nil {
		return nil, nil, around.lossErr
	}
	return around.loss, around, nil
}

// A modelChecker is a loss that knows which models have its gradients, such as the mean loss of
// several batches.
type modelChecker interface {
	// CheckModel returns an error if the gradients of a model are not those of the loss.
	CheckModel(model []gorgonia.ValueGrad) error
}

// meanParam is a parameter whose gradient is the mean over several batches.
type meanParam interface {
	Loss() gorgonia.Valuer      // the mean loss
	Unwrap() gorgonia.ValueGrad // the parameter in the graph of a batch
}

// nodeOf returns a parameter that is a node in a graph; nil for any other.
func nodeOf(v gorgonia.ValueGrad) *gorgonia.Node {
	if n, ok := v.(*gorgonia.Node); ok && n != nil && n.Graph() != nil {
		return n
	}
	return nil
}

// weightNode is nodeOf that knows parameters of Batches, too.
func weightNode(v gorgonia.ValueGrad) *gorgonia.Node {
	if mean, ok := v.(meanParam); ok {
		v = mean.Unwrap()
	}
	return nodeOf(v)
}

// lossNode returns the node of a loss in its graph, or nil, and whether ReadLoss copies its value
// in time.
func lossNode(loss gorgonia.Valuer) (node *gorgonia.Node, copied bool) {
	switch l := loss.(type) {
	case *gorgonia.Node:
		node = l
	case *readLoss:
		node, copied = l.node, true
	}
	if node == nil || node.Graph() == nil {
		return nil, false
	}
	return node, copied
}
