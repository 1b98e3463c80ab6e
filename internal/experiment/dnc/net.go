package dnc

import (
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/op"
)

// net is the module (inputs of all steps, weights) -> outputs of all steps.
type net[T op.Float] struct {
	Size
	tape    tape[T]
	layers  [3]*linear[T] // of the controller, the interface and the output
	start   state[T]
	inputs  [][]T // of each step
	outputs []variable[T]
}

// state is the state of the net between two steps, with rows for each sample of the batch.
type state[T op.Float] struct {
	cell, hidden variable[T] // of the controller
	memory       variable[T]
	usage        variable[T] // of each slot
	link         variable[T]
	precedence   variable[T]
	write        variable[T] // weights
	read         variable[T] // weights
	words        variable[T] // the words that the heads read
}

// limit is the largest magnitude of the controller's cells and of the outputs.
const limit = 20

func newNet[T op.Float](s Size) op.Module[T] {
	layers := s.weights()
	n := &net[T]{Size: s}
	for i := range n.layers {
		shape := layers[2*i]
		n.layers[i] = newLinear[T](s.Steps, s.Batch, shape[0], shape[1])
	}
	zero := func(size int) variable[T] { return newVariable[T](s.Batch * size) }
	n.start = state[T]{
		cell: zero(s.Hidden), hidden: zero(s.Hidden), memory: zero(s.Slots * s.Width),
		usage: zero(s.Slots), link: zero(s.Slots * s.Slots), precedence: zero(s.Slots),
		write: zero(s.Slots), read: zero(s.Heads * s.Slots), words: zero(s.words()),
	}
	st := n.start
	for step := range s.Steps {
		x := variable[T]{value: make([]T, s.Batch*s.Inputs)}
		var y variable[T]
		st, y = n.step(step, x, st)
		n.inputs, n.outputs = append(n.inputs, x.value), append(n.outputs, y)
	}
	return n
}

// weights returns the shapes of the weights: a matrix and a bias for each of the layers that
// compute the controller's gates, the interface and the output.
func (s Size) weights() []tensor.Shape {
	var shapes []tensor.Shape
	for _, layer := range [][2]int{
		{s.Inputs + s.words() + s.Hidden, 4 * s.Hidden},
		{s.Hidden, newLayout(s).size},
		{s.Hidden + s.words(), s.Outputs},
	} {
		shapes = append(shapes, tensor.Shape{layer[0], layer[1]}, tensor.Shape{layer[1]})
	}
	return shapes
}

// step writes a step to the tape. It returns the state after the step and the output.
func (n *net[T]) step(step int, x variable[T], st state[T]) (state[T], variable[T]) {
	s, l := n.Size, newLayout(n.Size)
	apply := func(p operation[T], size int, in ...variable[T]) variable[T] {
		return n.tape.apply(p, s.Batch*size, in...)
	}

	g := apply(n.layers[0].at(step), 4*s.Hidden, x, st.words, st.hidden)
	g = apply(gates[T]{s.Hidden}, 4*s.Hidden, g)
	c := apply(cell[T]{s.Hidden}, s.Hidden, g, st.cell)
	st.hidden = apply(&hidden[T]{s.Hidden, make([]T, s.Batch*s.Hidden)}, s.Hidden, g, c)
	st.cell = apply(clip[T]{limit}, s.Hidden, c)
	face := apply(n.layers[1].at(step), l.size, st.hidden)
	face = apply(activations[T]{l}, l.size, face)

	detached := apply(detach[T]{}, s.Slots, st.write)
	st.usage = apply(usage[T]{s, l}, s.Slots, st.usage, detached, st.read, face)
	free := apply(newAllocation[T](s), s.Slots, st.usage)
	like := apply(newContent[T](s, l, 1, l.writeKey, l.writeStrength), s.Slots, st.memory, face)
	st.write = apply(writeWeights[T]{s, l}, s.Slots, free, like, face)
	st.memory = apply(write[T]{s, l}, s.Slots*s.Width, st.memory, st.write, face)
	st.link = apply(link[T]{s}, s.Slots*s.Slots, st.link, st.write, st.precedence)
	st.precedence = apply(precedence[T]{s}, s.Slots, st.precedence, st.write)

	heads := s.Heads * s.Slots
	like = apply(newContent[T](s, l, s.Heads, l.readKeys, l.readStrengths), heads, st.memory, face)
	st.read = apply(newReadWeights[T](s, l), heads, st.link, st.read, like, face)
	st.words = apply(read[T]{s}, s.words(), st.read, st.memory)

	y := apply(n.layers[2].at(step), s.Outputs, st.hidden, st.words)
	return st, apply(clip[T]{limit}, s.Outputs, y)
}

func (n *net[T]) Forward(out []T, in [][]T) {
	for i, l := range n.layers {
		l.set(in[1+2*i], in[2+2*i])
	}
	x := in[0]
	for _, to := range n.inputs {
		x = x[copy(to, x):]
	}
	n.tape.forward()
	for _, y := range n.outputs {
		out = out[copy(out, y.value):]
	}
}

func (n *net[T]) Backward(grads, _ [][]T, _, dout []T) {
	n.tape.clear()
	for _, y := range n.outputs {
		dout = dout[copy(y.grad, dout):]
	}
	n.tape.backward()
	for i, l := range n.layers {
		l.weightGradients(grads[1+2*i], grads[2+2*i])
	}
}
