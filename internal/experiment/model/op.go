package model

import (
	"fmt"
	"hash"
	"hash/fnv"

	"github.com/chewxy/hm"
	"github.com/pkg/errors"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// op is what operations that own their output have in common. One that keeps memory between runs belongs to
// one node: its hash holds its address, as Gorgonia merges operations of one hash.
type op struct{}

func (op) ReturnsPtr() bool     { return false }
func (op) CallsExtern() bool    { return false }
func (op) OverwritesInput() int { return -1 }

func hashcode(o G.Op) uint32 {
	h := fnv.New32a()
	o.WriteHash(h)
	return h.Sum32()
}

// tensorOp is an operation on row-major tensors of one dtype whose result is a tensor. It writes to the same
// memory at each run.
type tensorOp struct {
	op
	name  string
	dims  []int // of the inputs, and of the output
	shape func(in []tensor.Shape) tensor.Shape
	do    func(out *tensor.Dense, in []*tensor.Dense)
	out   *tensor.Dense
}

func (o *tensorOp) Arity() int            { return len(o.dims) - 1 }
func (o *tensorOp) String() string        { return o.name }
func (o *tensorOp) WriteHash(h hash.Hash) { fmt.Fprintf(h, "%v %p", o, o) }
func (o *tensorOp) Hashcode() uint32      { return hashcode(o) }
func (o *tensorOp) Type() hm.Type {
	types := make([]hm.Type, len(o.dims))
	for i, d := range o.dims {
		types[i] = G.TensorType{Dims: d, Of: hm.TypeVariable('a')}
	}
	return hm.NewFnType(types...)
}

func (o *tensorOp) InferShape(in ...G.DimSizer) (tensor.Shape, error) {
	shapes := make([]tensor.Shape, len(in))
	for i := range in {
		shapes[i] = in[i].(tensor.Shape)
	}
	return o.shape(shapes).Clone(), nil
}

func (o *tensorOp) Do(inputs ...G.Value) (G.Value, error) {
	in, err := rowMajor(o, inputs...)
	if err != nil {
		return nil, err
	}
	if o.out == nil {
		shapes := make([]tensor.Shape, len(in))
		for i, t := range in {
			shapes[i] = t.Shape()
		}
		o.out = tensor.New(tensor.WithShape(o.shape(shapes)...), tensor.Of(in[0].Dtype()))
	}
	o.do(o.out, in)
	return o.out, nil
}

// rowMajor returns the values as tensors of one dtype whose memory can be used directly.
func rowMajor(o G.Op, values ...G.Value) ([]*tensor.Dense, error) {
	ts := make([]*tensor.Dense, len(values))
	for i, v := range values {
		t, ok := v.(*tensor.Dense)
		if !ok || t.RequiresIterator() || !t.DataOrder().IsRowMajor() {
			return nil, errors.Errorf("%v: input %d is a %T, want a row-major tensor", o, i, v)
		}
		ts[i] = t
		if t.Dtype() != ts[0].Dtype() {
			return nil, errors.Errorf("%v: inputs of %v and %v", o, ts[0].Dtype(), t.Dtype())
		}
	}
	return ts, nil
}

// reuse makes sure that t has the shape and dtype of an output. Its contents are then arbitrary.
func reuse(t **tensor.Dense, dt tensor.Dtype, shape ...int) *tensor.Dense {
	if *t == nil || !(*t).Shape().Eq(shape) || (*t).Dtype() != dt {
		*t = tensor.New(tensor.WithShape(shape...), tensor.Of(dt))
	}
	return *t
}

// scalar returns the number that a scalar holds.
func scalar(v G.Value) (float64, error) {
	switch x := v.(type) {
	case *G.F32:
		return float64(*x), nil
	case *G.F64:
		return float64(*x), nil
	}
	return 0, errors.Errorf("%T is no scalar of floats", v)
}

// newScalar returns a scalar of the given dtype.
func newScalar(dt tensor.Dtype, x float64) G.Value {
	if dt == tensor.Float32 {
		return G.NewF32(float32(x))
	}
	return G.NewF64(x)
}
