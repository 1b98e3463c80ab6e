package dnc

import (
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/bind/bindtest"
	"github.com/l4-go/l4/internal/op"
	"github.com/l4-go/l4/internal/op/optest"
)

// small is a size in which few dimensions are equal.
var small = Size{
	Steps: 4, Batch: 2, Inputs: 4, Outputs: 3, Hidden: 6, Slots: 5, Width: 7, Heads: 3,
}

// module turns one operation into a module, so that a graph can check it.
type module[T op.Float] struct{ operation[T] }

func newModule[T op.Float](name string) func(Size) op.Module[T] {
	return func(s Size) op.Module[T] { return module[T]{operations[T](s)[name]} }
}

func (m module[T]) Forward(out []T, in [][]T) { m.forward(out, in) }

func (m module[T]) Backward(grads, in [][]T, out, dout []T) {
	for _, g := range grads {
		clear(g)
	}
	m.backward(grads, in, out, dout)
}

// operations returns the operations of a net of the given size.
func operations[T op.Float](s Size) map[string]operation[T] {
	l := newLayout(s)
	return map[string]operation[T]{
		"gates":                    gates[T]{s.Hidden},
		"cell":                     cell[T]{s.Hidden},
		"hidden":                   &hidden[T]{s.Hidden, make([]T, s.Batch*s.Hidden)},
		"clip":                     clip[T]{0.7},
		"activations":              activations[T]{l},
		"content of the write key": newContent[T](s, l, 1, l.writeKey, l.writeStrength),
		"content of the read keys": newContent[T](s, l, s.Heads, l.readKeys, l.readStrengths),
		"usage":                    usage[T]{s, l},
		"allocation":               newAllocation[T](s),
		"write weights":            writeWeights[T]{s, l},
		"write":                    write[T]{s, l},
		"link":                     link[T]{s},
		"precedence":               precedence[T]{s},
		"read weights":             newReadWeights[T](s, l),
		"read":                     read[T]{s},
	}
}

// TestOperations checks each operation of the net separately: the gradients against central
// differences, and float32 against float64. All inputs are standard normal, also gates and weights,
// so they exceed the ranges that occur in the net.
func TestOperations(t *testing.T) {
	s := small
	slots, heads, face := s.Slots, s.Heads*s.Slots, newLayout(s).size
	memory := slots * s.Width
	shapes := map[string]struct {
		in  []int // elements of each input for one of the batch
		out int
	}{
		"gates":                    {[]int{4 * s.Hidden}, 4 * s.Hidden},
		"cell":                     {[]int{4 * s.Hidden, s.Hidden}, s.Hidden},
		"hidden":                   {[]int{4 * s.Hidden, s.Hidden}, s.Hidden},
		"clip":                     {[]int{20}, 20},
		"activations":              {[]int{face}, face},
		"content of the write key": {[]int{memory, face}, slots},
		"content of the read keys": {[]int{memory, face}, heads},
		"usage":                    {[]int{slots, slots, heads, face}, slots},
		"allocation":               {[]int{slots}, slots},
		"write weights":            {[]int{slots, slots, face}, slots},
		"write":                    {[]int{memory, slots, face}, memory},
		"link":                     {[]int{slots * slots, slots, slots}, slots * slots},
		"precedence":               {[]int{slots, slots}, slots},
		"read weights":             {[]int{slots * slots, heads, heads, face}, heads},
		"read":                     {[]int{heads, memory}, s.words()},
	}
	for name := range operations[float64](s) {
		t.Run(name, func(t *testing.T) {
			shape := shapes[name]
			o := optest.Operation{Params: len(shape.in)}
			for _, n := range shape.in {
				o.Shapes = append(o.Shapes, tensor.Shape{s.Batch, n})
			}
			o.Loss = func(in G.Nodes) (*G.Node, error) {
				spec := op.Spec{Name: name, Shape: tensor.Shape{s.Batch, shape.out}}
				return optest.Weighted(op.ApplyEither(
					spec, s, newModule[float32](name), newModule[float64](name), in...))
			}
			o.Check(t)
		})
	}
}

// TestAllocation: the least used slot has the largest weight, equally used slots keep their order,
// and slots with usage 0 or 1 have finite gradients.
func TestAllocation(t *testing.T) {
	s := Size{Batch: 1, Slots: 5}
	p := newAllocation[float64](s)
	y, dx := make([]float64, 5), make([]float64, 5)
	in := [][]float64{{1, 0, 0.5, 0.5, 0}}
	p.forward(y, in)
	p.backward([][]float64{dx}, in, y, []float64{1, 2, 3, 4, 5})
	want := []float64{0, 1, 0, 0, 0}
	for i := range y {
		if y[i]-want[i] > 2e-6 || want[i]-y[i] > 2e-6 || !(dx[i]-dx[i] == 0) {
			t.Errorf("slot %d: weight %v, want %v, gradient %v", i, y[i], want[i], dx[i])
		}
	}
	for k, n := range []int{1, 4, 2, 3, 0} {
		if p.order[k] != n {
			t.Errorf("order %v, want slot %d at %d", p.order, n, k)
		}
	}
}

// layer is a linear layer for one step as a module: (two inputs that are joined, w, b) -> x·w + b.
type layer[T op.Float] struct{ *linear[T] }

func newLayer[T op.Float](sizes []int) op.Module[T] {
	return layer[T]{newLinear[T](1, sizes[0], sizes[1], sizes[2])}
}

func (m layer[T]) Forward(out []T, in [][]T) {
	m.set(in[2], in[3])
	m.at(0).forward(out, in[:2])
}

func (m layer[T]) Backward(grads, in [][]T, out, dout []T) {
	clear(grads[0])
	clear(grads[1])
	m.at(0).backward(grads[:2], in[:2], out, dout)
	m.weightGradients(grads[2], grads[3])
}

func TestLinear(t *testing.T) {
	for _, sizes := range [][]int{{3, 4, 5}, {2, 21, 19}, {7, 16, 32}} {
		batch, in, out := sizes[0], sizes[1], sizes[2]
		optest.Operation{
			Shapes: []tensor.Shape{{batch, in - 3}, {batch, 3}, {in, out}, {out}},
			Params: 4,
			Loss: func(n G.Nodes) (*G.Node, error) {
				spec := op.Spec{Name: "Linear", Shape: tensor.Shape{batch, out}}
				return optest.Weighted(
					op.ApplyEither(spec, sizes, newLayer[float32], newLayer[float64], n...))
			},
		}.Check(t)
	}
}

// TestLoss checks the gradient, and that a masked logit does not change the loss.
func TestLoss(t *testing.T) {
	shape := tensor.Shape{3, 2, 4}
	o := optest.Operation{
		Shapes: []tensor.Shape{shape, shape},
		Params: 1,
		Loss: func(n G.Nodes) (*G.Node, error) {
			v := tensor.New(tensor.WithShape(3, 2), tensor.Of(n[0].Dtype()))
			bindtest.SetNumbers(v, []float64{1, 0, 1, 1, 0, 1})
			return Loss(n[0], n[1], G.NodeFromAny(n[0].Graph(), v, G.WithName("mask")))
		},
	}
	o.Check(t)
	e := o.Build(t, tensor.Float64)
	want, _ := e.Run(t)
	clear(e.Inputs[0].Value().Data().([]float64)[4:8])
	if got, _ := e.Run(t); got != want {
		t.Errorf("loss %v, want %v", got, want)
	}
}
