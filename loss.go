package l4

import (
	"gorgonia.org/gorgonia"

	"github.com/l4-go/l4/internal/objective"
)

// ReadLoss returns a Valuer of loss. Use it if the loss is a tensor of one element and the graph
// computes other nodes from it. Gorgonia may overwrite such a loss with the values of these nodes;
// Step detects this and returns an error that recommends ReadLoss. ReadLoss adds a gorgonia.Read to
// the graph, so call it before you create the virtual machine. A loss that belongs to no graph,
// such as a constant, is returned unchanged.
func ReadLoss(loss *gorgonia.Node) gorgonia.Valuer {
	if loss == nil || loss.Graph() == nil {
		return loss
	}
	return objective.NewCopy(loss)
}

// LossFunc is a loss that a function returns when Step asks for it. Use it for a loss that the
// program computes itself, or for a gorgonia.Value that gorgonia.Read fills:
//
//	var value gorgonia.Value
//	gorgonia.Read(loss, &value)
//	solver := l4.NewL4Adam(l4.LossFunc(func() gorgonia.Value { return value }))
//
// Step cannot check that the gradients belong to such a loss.
type LossFunc func() gorgonia.Value

// Value returns the result of f.
func (f LossFunc) Value() gorgonia.Value { return f() }

// WithUncheckedOps accepts graphs with Gorgonia operations whose gradients are wrong. By default
// Step returns an error that names the operation and its replacement, because L4 divides by the
// gradient: if the gradient is wrong by a factor, so is the step. Use this option with a version of
// Gorgonia that has fixed the operation. docs/gorgonia.md lists the operations.
func WithUncheckedOps() Option {
	return func(o *options) { o.uncheckedOps = true }
}
