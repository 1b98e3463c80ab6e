package l4

import (
	"gorgonia.org/gorgonia"

	"github.com/l4-go/l4/internal/objective"
)

// ReadLoss returns a Valuer for a loss that is a tensor and that other nodes are computed from.
// Gorgonia may store their values in its memory, so that the value of the node itself is wrong;
// Step then returns an error that points here. ReadLoss adds a gorgonia.Read to the graph, so call
// it before the virtual machine is made. A loss without a graph, such as a constant, is returned as
// it is.
func ReadLoss(loss *gorgonia.Node) gorgonia.Valuer {
	if loss == nil || loss.Graph() == nil {
		return loss
	}
	return objective.NewCopy(loss)
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

// WithUncheckedOps lets a graph have operations of Gorgonia whose gradients are wrong. Step returns
// an error about them otherwise, which says what to use instead: L4 divides by the gradient, so a
// wrong factor is a step that is too short or too long by as much. Use it to measure what that
// costs, or with a later Gorgonia that has mended the operation. docs/gorgonia.md lists them.
func WithUncheckedOps() Option {
	return func(o *options) { o.uncheckedOps = true }
}
