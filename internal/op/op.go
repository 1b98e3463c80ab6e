// Package op makes Gorgonia's operations, with their gradients, of arithmetic over flat slices.
//
// An operation is a Module: arithmetic over flat slices that knows nothing of graphs. Apply makes a
// node of it:
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
	"unsafe"

	"github.com/chewxy/hm"
	"github.com/pkg/errors"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Float is the element type of a net.
type Float interface{ float32 | float64 }

// Module is a function of some inputs with one output. All slices are row-major and have the length
// that the shapes say; a scalar is a slice of one.
//
// A module belongs to one node. In each run of the graph Forward is called once and then, if the
// graph has gradients, Backward once with the same inputs and output, so a module may keep in
// Forward what Backward needs. What both write is memory of the node that the next run overwrites;
// its former contents are arbitrary. NaN and Inf must reach the output, as the solver looks for
// them in the loss and in the gradients.
type Module[T Float] interface {
	Forward(out []T, in [][]T)

	// Backward sets grads[i] to the gradient of the loss with respect to in[i], for each i; dout is
	// that with respect to out. grads[i] is nil for a constant input. The inputs may not be written
	// to.
	Backward(grads, in [][]T, out, dout []T)
}

// Trainable is a module that does something else in training than in evaluation. The virtual
// machines that are made for its graph call SetTraining.
type Trainable interface{ SetTraining(training bool) }

// ModuleOf returns the module of a node that Apply has returned; nil for another node.
func ModuleOf(n *G.Node) any {
	if o, ok := n.Op().(interface{ moduleOf() any }); ok {
		return o.moduleOf()
	}
	return nil
}

// Spec says what Apply needs to know of a module.
type Spec struct {
	Name     string       // in messages and in drawings of the graph
	Shape    tensor.Shape // of the output; empty for a scalar
	Constant []int        // positions of the inputs that have no gradient, such as data
}

// Apply returns the output of a module for inputs of its dtype. The node owns the memory of the
// output and of the gradients, so that nothing is allocated after the first run.
func Apply[T Float](m Module[T], s Spec, inputs ...*G.Node) (*G.Node, error) {
	s.Shape = s.Shape.Clone()
	o := &moduleOp[T]{Spec: s, module: m, id: ids.Add(1), in: make([][]T, len(inputs)+2)}
	o.out = newValue[T](s.Shape)
	for i, n := range inputs {
		if n.Dtype() != dtype[T]() {
			return nil, errors.Errorf("nn: %s: input %d is of %v, want %v",
				s.Name, i, n.Dtype(), dtype[T]())
		}
		o.shapes = append(o.shapes, n.Shape().Clone())
	}
	o.first = slices.Index(o.DiffWRT(len(inputs)), true)
	return G.ApplyOp(o, inputs...)
}

// ApplyEither is Apply for a module that exists in both dtypes and is made from c. The first input
// decides.
func ApplyEither[C any](
	s Spec, c C, f32 func(C) Module[float32], f64 func(C) Module[float64], inputs ...*G.Node,
) (*G.Node, error) {
	switch dt := inputs[0].Dtype(); dt {
	case tensor.Float32:
		return Apply(f32(c), s, inputs...)
	case tensor.Float64:
		return Apply(f64(c), s, inputs...)
	default:
		return nil, errors.Errorf("nn: %s: input 0 is of %v, want float32 or float64", s.Name, dt)
	}
}

// ids count the nodes. Gorgonia takes operations of equal hash for one, so a hash holds the node's
// number.
var ids atomic.Uint64

// moduleOp is the operation (inputs...) -> output.
type moduleOp[T Float] struct {
	ownOutput
	Spec
	module Module[T]
	id     uint64
	shapes []tensor.Shape // of the inputs
	first  int            // input that has a gradient
	out    value[T]
	in     [][]T      // of the current run, reused: the inputs, the output and its gradient
	eager  *diffOp[T] // gradients for DoDiff
}

// diffOp is the operation (inputs..., output, gradient of the output) -> gradient of the first
// input that has one. It computes the others too. The output is an input so that it is computed
// before.
type diffOp[T Float] struct {
	ownOutput
	of    *moduleOp[T]
	id    uint64
	grads []value[T] // of the inputs
	flat  [][]T      // the same as slices
}

// gradOp is the operation (gradient of the first input) -> gradient of another one. It hands out
// what diffOp has computed, and has an input so that it comes later.
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

// ownOutput is what operations that own their output have in common.
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

// SetTraining passes on what a virtual machine says when it is made.
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

// newDiff makes an operation with memory of its own: a graph may be differentiated more than once.
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

// DoDiff adds to the gradients of the inputs. The Lisp machine calls it.
func (o *moduleOp[T]) DoDiff(_ G.ExecutionContext, inputs G.Nodes, output *G.Node) error {
	if o.eager == nil {
		o.eager = o.newDiff()
	}
	dout, err := output.Grad()
	if err != nil {
		return errors.WithMessagef(err, "nn: %s", o.Name)
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
			return errors.WithMessagef(err, "nn: %s: input %d", o.Name, i)
		}
		sum, err := flat[T](v)
		if err != nil {
			return errors.WithMessagef(err, "nn: %s: gradient of input %d", o.Name, i)
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

// read fills o.in.
func (o *moduleOp[T]) read(values []G.Value) error {
	for i, v := range values {
		shape := o.Shape
		if i < o.Arity() {
			shape = o.shapes[i]
		}
		x, err := flat[T](v)
		if err == nil && len(x) != shape.TotalSize() {
			err = errors.Errorf("%d elements, want the shape %v", len(x), shape)
		}
		if err != nil {
			return errors.WithMessagef(err, "nn: %s: input %d", o.Name, i)
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

// functionType is the type of a function whose arguments and result, the last, have these shapes.
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

// value is a Gorgonia value with its memory.
type value[T Float] struct {
	G.Value
	flat []T
}

func newValue[T Float](shape tensor.Shape) (v value[T]) {
	switch {
	case len(shape) > 0:
		v.Value = tensor.New(tensor.WithShape(shape...), tensor.Of(dtype[T]()))
	case dtype[T]() == tensor.Float32:
		v.Value = G.NewF32(0)
	default:
		v.Value = G.NewF64(0)
	}
	v.flat, _ = flat[T](v.Value)
	return v
}

// flat returns the memory of a row-major tensor or of a scalar.
func flat[T Float](v G.Value) ([]T, error) {
	var data any
	switch x := v.(type) {
	case *tensor.Dense:
		switch {
		case x.RequiresIterator() || !x.DataOrder().IsRowMajor():
			return nil, errors.New("a view or a column-major tensor, want a row-major one")
		case x.Dtype() == tensor.Float32:
			data = x.Float32s()
		case x.Dtype() == tensor.Float64:
			data = x.Float64s()
		}
	case *G.F32:
		data = unsafe.Slice((*float32)(x), 1)
	case *G.F64:
		data = unsafe.Slice((*float64)(x), 1)
	}
	if xs, ok := data.([]T); ok {
		return xs, nil
	}
	return nil, errors.Errorf("a %T, want a tensor or a scalar of %v", v, dtype[T]())
}

func dtype[T Float]() tensor.Dtype {
	var zero T
	if unsafe.Sizeof(zero) == 4 {
		return tensor.Float32
	}
	return tensor.Float64
}

// Fill sets the elements of a tensor of float32 or float64 in the order of its memory.
func Fill(t *tensor.Dense, next func() float64) {
	switch xs := t.Data().(type) {
	case []float32:
		for i := range xs {
			xs[i] = float32(next())
		}
	case []float64:
		for i := range xs {
			xs[i] = next()
		}
	}
}
