package dnc

import (
	"slices"

	"github.com/l4-go/l4/internal/op"
)

// tape is a list of calls in the order of the forward pass. It is written once and does not
// allocate memory when it runs. Gradients are added in place; a graph would have a node for each
// addition.
type tape[T op.Float] struct{ calls []call[T] }

type call[T op.Float] struct {
	operation operation[T]
	out       variable[T]
	in, grads [][]T
}

// operation is a part of the net: a differentiable function of several inputs with one output.
// Inputs and output are flat slices with a row for each sample of the batch. An operation belongs
// to one call on a tape, so forward may store values for backward.
type operation[T op.Float] interface {
	forward(y []T, in [][]T)
	// backward adds the gradient with respect to in[i] to grads[i], for each i with a grads[i] that
	// is not nil. dy is the gradient with respect to y.
	backward(grads, in [][]T, y, dy []T)
}

// variable is an input or the output of an operation, with the gradient of the loss with respect to
// it. The gradient of a constant is nil.
type variable[T op.Float] struct{ value, grad []T }

func newVariable[T op.Float](size int) variable[T] {
	return variable[T]{make([]T, size), make([]T, size)}
}

// apply adds a call and returns its output.
func (t *tape[T]) apply(p operation[T], size int, in ...variable[T]) variable[T] {
	c := call[T]{operation: p, out: newVariable[T](size)}
	for _, v := range in {
		c.in, c.grads = append(c.in, v.value), append(c.grads, v.grad)
	}
	t.calls = append(t.calls, c)
	return c.out
}

func (t *tape[T]) forward() {
	for _, c := range t.calls {
		c.operation.forward(c.out.value, c.in)
	}
}

// clear sets the gradients of all outputs to zero.
func (t *tape[T]) clear() {
	for _, c := range t.calls {
		clear(c.out.grad)
	}
}

// backward propagates the gradients of the outputs, which the caller has set.
func (t *tape[T]) backward() {
	for _, c := range slices.Backward(t.calls) {
		c.operation.backward(c.grads, c.in, c.out.value, c.out.grad)
	}
}
