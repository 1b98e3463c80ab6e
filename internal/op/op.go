// Package op creates Gorgonia operations with gradients. A Module does the arithmetic of an
// operation, over flat slices. Apply creates a node that runs the module:
//
//	type double struct{}
//
//	func (double) Forward(out []float64, in [][]float64) {
//		for i, x := range in[0] {
//			out[i] = 2 * x
//		}
//	}
//
//	func (double) Backward(grads, in [][]float64, out, dout []float64) {
//		for i, d := range dout {
//			grads[0][i] = 2 * d
//		}
//	}
//
//	y, err := op.Apply[float64](double{}, op.Spec{Name: "Double", Shape: x.Shape()}, x)
package op

import (
	"fmt"
	"hash"
	"hash/fnv"
	"slices"
	"sync/atomic"

	"github.com/chewxy/hm"
	"github.com/pkg/errors"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Module is a function of several inputs with one output. All slices are row-major and have the
// length of their tensor's shape; a scalar is a slice of one element.
//
// A module belongs to one node. Each run of the graph calls Forward once. If the graph has
// gradients, it then calls Backward once, with the same inputs and output, so Forward may store
// values for Backward. The slices that they write have arbitrary contents before the call, and the
// next run overwrites them. NaN and Inf must propagate to the output, because the solver looks for
// them in the loss and in the gradients.
type Module[T Float] interface {
	// Forward computes out from the inputs. It must not write to the inputs.
	Forward(out []T, in [][]T)

	// Backward sets grads[i] to the gradient of the loss with respect to in[i], for each i. dout is
	// the gradient of the loss with respect to out. grads[i] is nil for a constant input. Backward
	// must not write to the inputs.
	Backward(grads, in [][]T, out, dout []T)
}

// Trainable is a module that behaves differently in training and in evaluation. A virtual machine
// calls SetTraining when it is created.
type Trainable interface{ SetTraining(training bool) }

// ModuleOf returns the module of a node that Apply has returned, and nil for any other node.
func ModuleOf(n *G.Node) any {
	if o, ok := n.Op().(interface{ moduleOf() any }); ok {
		return o.moduleOf()
	}
	return nil
}

// Spec describes a module to Apply.
type Spec struct {
	Name     string       // name in errors and in drawings of the graph
	Shape    tensor.Shape // shape of the output; empty for a scalar
	Constant []int        // positions of the inputs without a gradient, such as data
}

// Apply returns the output of a module as a node. It returns an error if the dtype of an input is
// not T. The node owns the memory of the output and of the gradients, so that a run does not
// allocate memory after the first run.
func Apply[T Float](m Module[T], s Spec, inputs ...*G.Node) (*G.Node, error) {
	s.Shape = s.Shape.Clone()
	o := &moduleOp[T]{Spec: s, module: m, id: ids.Add(1), in: make([][]T, len(inputs)+2)}
	o.out = newValue[T](s.Shape)
	for i, n := range inputs {
		if n.Dtype() != dtype[T]() {
			return nil, errors.Errorf("%s: input %d has dtype %v, want %v", s.Name, i, n.Dtype(),
				dtype[T]())
		}
		o.shapes = append(o.shapes, n.Shape().Clone())
	}
	o.first = slices.Index(o.DiffWRT(len(inputs)), true)
	return G.ApplyOp(o, inputs...)
}

// ApplyEither is Apply for a module that f32 or f64 creates from c. The dtype of the first input
// selects the function.
func ApplyEither[C any](
	s Spec, c C, f32 func(C) Module[float32], f64 func(C) Module[float64], inputs ...*G.Node,
) (*G.Node, error) {
	switch dt := inputs[0].Dtype(); dt {
	case tensor.Float32:
		return Apply(f32(c), s, inputs...)
	case tensor.Float64:
		return Apply(f64(c), s, inputs...)
	default:
		return nil, errors.Errorf("%s: input 0 has dtype %v, want float32 or float64", s.Name, dt)
	}
}

// ids counts the operations. Gorgonia merges operations with equal hashes, so each hash contains
// the number of its operation.
var ids atomic.Uint64

// moduleOp is the operation (inputs...) → output.
type moduleOp[T Float] struct {
	ownOutput
	Spec
	module Module[T]
	id     uint64
	shapes []tensor.Shape // shapes of the inputs
	first  int            // the first input with a gradient
	out    value[T]
	in     [][]T      // the inputs of this run, the output and the gradient of the output
	eager  *diffOp[T] // computes the gradients for DoDiff
}

// diffOp is the operation (inputs..., output, gradient of the output) → gradient of the first input
// with a gradient. It also computes the other gradients. The output is an input of diffOp, so that
// Gorgonia runs moduleOp before.
type diffOp[T Float] struct {
	ownOutput
	of    *moduleOp[T]
	id    uint64
	grads []value[T] // gradients of the inputs
	flat  [][]T      // the elements of grads
}

// gradOp is the operation (gradient of the first input) → gradient of another input. It returns a
// gradient that diffOp has computed. The input makes Gorgonia run diffOp before.
type gradOp[T Float] struct {
	ownOutput
	of  *diffOp[T]
	wrt int
}

var (
	_ G.SDOp = (*moduleOp[float32])(nil)
	_ G.ADOp = (*moduleOp[float32])(nil)

	_ G.TrainModeOp = (*moduleOp[float32])(nil)

	_ G.Op = (*diffOp[float32])(nil)
	_ G.Op = (*gradOp[float32])(nil)
)

// ownOutput implements the methods that are the same for all operations of this package: they own
// the memory of their outputs.
type ownOutput struct{}

func (ownOutput) ReturnsPtr() bool     { return false }
func (ownOutput) CallsExtern() bool    { return false }
func (ownOutput) OverwritesInput() int { return -1 }

func (o *moduleOp[T]) Arity() int            { return len(o.shapes) }
func (o *moduleOp[T]) String() string        { return o.Name }
func (o *moduleOp[T]) WriteHash(h hash.Hash) { fmt.Fprintf(h, "%s %d", o.Name, o.id) }
func (o *moduleOp[T]) Hashcode() uint32      { return hashcode(o) }
func (o *moduleOp[T]) Type() hm.Type {
	return functionType(append(o.shapes[:o.Arity():o.Arity()], o.Shape)...)
}
func (o *moduleOp[T]) InferShape(...G.DimSizer) (tensor.Shape, error) {
	return o.Shape.Clone(), nil
}

func (o *moduleOp[T]) moduleOf() any { return o.module }

// SetTraining calls SetTraining of a Trainable module.
func (o *moduleOp[T]) SetTraining(training bool) error {
	if m, ok := o.module.(Trainable); ok {
		m.SetTraining(training)
	}
	return nil
}

func (o *moduleOp[T]) DiffWRT(inputs int) []bool {
	wrt := make([]bool, inputs)
	for i := range wrt {
		wrt[i] = !slices.Contains(o.Constant, i)
	}
	return wrt
}

// newDiff returns an operation with its own memory, because a program may differentiate a graph
// more than once.
func (o *moduleOp[T]) newDiff() *diffOp[T] {
	n := o.Arity()
	d := &diffOp[T]{of: o, id: ids.Add(1), grads: make([]value[T], n), flat: make([][]T, n)}
	for i, wanted := range o.DiffWRT(n) {
		if wanted {
			d.grads[i] = newValue[T](o.shapes[i])
			d.flat[i] = d.grads[i].flat
		}
	}
	return d
}

func (o *moduleOp[T]) SymDiff(inputs G.Nodes, output, grad *G.Node) (G.Nodes, error) {
	d := o.newDiff()
	grads := make(G.Nodes, o.Arity())
	var err error
	all := append(slices.Clone(inputs), output, grad)
	if grads[o.first], err = G.ApplyOp(d, all...); err != nil {
		return nil, err
	}
	for i := o.first + 1; i < len(grads); i++ {
		if d.flat[i] == nil {
			continue
		}
		if grads[i], err = G.ApplyOp(&gradOp[T]{of: d, wrt: i}, grads[o.first]); err != nil {
			return nil, err
		}
	}
	return grads, nil
}

// DoDiff adds to the gradients of the inputs. A Lisp machine calls it.
func (o *moduleOp[T]) DoDiff(_ G.ExecutionContext, inputs G.Nodes, output *G.Node) error {
	if o.eager == nil {
		o.eager = o.newDiff()
	}
	dout, err := output.Grad()
	if err != nil {
		return errors.WithMessage(err, o.Name)
	}
	values := make([]G.Value, 0, len(inputs)+2)
	for _, n := range inputs {
		values = append(values, n.Value())
	}
	if _, err := o.eager.Do(append(values, output.Value(), dout)...); err != nil {
		return err
	}
	for i, grad := range o.eager.flat {
		if grad == nil {
			continue
		}
		v, err := inputs[i].Grad()
		if err != nil {
			return errors.WithMessagef(err, "%s: input %d", o.Name, i)
		}
		sum, err := flat[T](v)
		if err != nil {
			return errors.WithMessagef(err, "%s: gradient of input %d", o.Name, i)
		}
		for j, x := range grad {
			sum[j] += x
		}
	}
	return nil
}

func (o *moduleOp[T]) Do(inputs ...G.Value) (G.Value, error) {
	if err := o.read(inputs); err != nil {
		return nil, err
	}
	o.module.Forward(o.out.flat, o.in[:o.Arity()])
	return o.out.Value, nil
}

// read sets o.in to the elements of values.
func (o *moduleOp[T]) read(values []G.Value) error {
	for i, v := range values {
		shape := o.Shape
		if i < o.Arity() {
			shape = o.shapes[i]
		}
		x, err := flat[T](v)
		if err == nil && len(x) != shape.TotalSize() {
			err = errors.Errorf("the value has %d elements, want shape %v", len(x), shape)
		}
		if err != nil {
			return errors.WithMessagef(err, "%s: input %d", o.Name, i)
		}
		o.in[i] = x
	}
	return nil
}

func (d *diffOp[T]) Arity() int            { return d.of.Arity() + 2 }
func (d *diffOp[T]) String() string        { return d.of.Name + "Diff" }
func (d *diffOp[T]) WriteHash(h hash.Hash) { fmt.Fprintf(h, "%v %d", d, d.id) }
func (d *diffOp[T]) Hashcode() uint32      { return hashcode(d) }
func (d *diffOp[T]) Type() hm.Type {
	o := d.of
	return functionType(append(slices.Clone(o.shapes), o.Shape, o.Shape, o.shapes[o.first])...)
}
func (d *diffOp[T]) InferShape(...G.DimSizer) (tensor.Shape, error) {
	return d.of.shapes[d.of.first].Clone(), nil
}

func (d *diffOp[T]) Do(inputs ...G.Value) (G.Value, error) {
	o := d.of
	if err := o.read(inputs); err != nil {
		return nil, err
	}
	n := o.Arity()
	o.module.Backward(d.flat, o.in[:n], o.in[n], o.in[n+1])
	return d.grads[o.first].Value, nil
}

func (*gradOp[T]) Arity() int              { return 1 }
func (g *gradOp[T]) String() string        { return fmt.Sprint(g.of.of.Name, "Grad", g.wrt) }
func (g *gradOp[T]) WriteHash(h hash.Hash) { fmt.Fprintf(h, "%v %d", g, g.of.id) }
func (g *gradOp[T]) Hashcode() uint32      { return hashcode(g) }
func (g *gradOp[T]) Type() hm.Type {
	return functionType(g.of.of.shapes[g.of.of.first], g.of.of.shapes[g.wrt])
}
func (g *gradOp[T]) InferShape(...G.DimSizer) (tensor.Shape, error) {
	return g.of.of.shapes[g.wrt].Clone(), nil
}
func (g *gradOp[T]) Do(...G.Value) (G.Value, error) { return g.of.grads[g.wrt].Value, nil }

func hashcode(o G.Op) uint32 {
	h := fnv.New32a()
	o.WriteHash(h)
	return h.Sum32()
}

// functionType returns the type of a function. The last shape is the result's, and the other shapes
// are the arguments'.
func functionType(shapes ...tensor.Shape) hm.Type {
	types := make([]hm.Type, len(shapes))
	for i, s := range shapes {
		types[i] = hm.TypeVariable('a')
		if len(s) > 0 {
			types[i] = G.TensorType{Dims: len(s), Of: hm.TypeVariable('a')}
		}
	}
	return hm.NewFnType(types...)
}
