package bind

import (
	"unsafe"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"
	gt "gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/kernel"
)

// buffer is the memory of a Gorgonia value with elements of type T.
type buffer[T kernel.Float] struct {
	tensor         *gt.Dense // nil for a scalar
	size           uintptr   // size of the tensor's memory in bytes
	shape, strides []int     // copies of the tensor's, because Gorgonia changes these in place
	layout         layout    // shape and strides without the dimensions of size 1
	data           []T       // the memory; if rowMajor is true, exactly the elements
	rowMajor       bool      // the elements follow each other in row-major order
	fresh          bool      // the last bind could not rule out a change
}

// bind binds the memory of v. It reports whether the address or the layout of the memory differs
// from the last bind.
func (b *buffer[T]) bind(v gorgonia.Value) (moved bool, err error) {
	t, isTensor := v.(*gt.Dense)
	if b.fresh = !isTensor || !b.unchanged(t); !b.fresh {
		return false, nil
	}
	data, shape, strides, err := memory[T](v)
	if err != nil {
		return false, err
	}
	if !b.layout.set(shape, strides, len(data)) {
		return false, errors.Errorf("with shape %v and strides %v, elements share memory or lie "+
			"outside its %d elements: use a copy of the tensor", shape, strides, len(data))
	}
	b.tensor, b.size, b.rowMajor = t, v.MemSize(), b.layout.rowMajor()
	if b.rowMajor {
		data = data[:b.layout.elements()]
	}
	moved = len(b.data) != len(data) || &b.data[0] != &data[0] ||
		!same(b.shape, shape) || !same(b.strides, strides)
	b.data = data
	b.shape = append(b.shape[:0], shape...)
	b.strides = append(b.strides[:0], strides...)
	return moved, nil
}

// memory returns the memory of v, its shape and its strides.
func memory[T kernel.Float](v gorgonia.Value) (data []T, shape, strides []int, err error) {
	ok := false
	switch v := v.(type) {
	case nil:
		return nil, nil, nil, errors.New("no value: run the virtual machine before Step")
	case *gt.Dense:
		if v == nil {
			return nil, nil, nil, errors.New("nil tensor")
		}
		if !v.IsNativelyAccessible() {
			return nil, nil, nil, errors.New("the tensor is not in the CPU's memory: copy it there")
		}
		data, ok = memoryOf[T](v)
		shape, strides = v.Shape(), v.Strides()
	case *gorgonia.F32:
		data, ok = single[T]((*float32)(v))
	case *gorgonia.F64:
		data, ok = single[T]((*float64)(v))
	default:
		return nil, nil, nil, errors.Errorf("unsupported value of type %T, want a *tensor.Dense, "+
			"*gorgonia.F32 or *gorgonia.F64", v)
	}
	if !ok {
		var want T
		return nil, nil, nil, errors.Errorf("dtype %v, want %T", v.Dtype(), want)
	}
	return data, shape, strides, nil
}

// unchanged reports whether t is the tensor of the last bind with the same memory and layout. This
// is the usual case, and bind is then fast.
func (b *buffer[T]) unchanged(t *gt.Dense) bool {
	return t != nil && t == b.tensor && t.MemSize() == b.size &&
		t.Uintptr() == address(&b.data[0]) &&
		same(t.Shape(), b.shape) && same(t.Strides(), b.strides)
}

// same is slices.Equal, but faster for short slices.
func same(a, b []int) bool {
	if len(a) != len(b) {
		return false
	}
	for i, x := range a {
		if x != b[i] {
			return false
		}
	}
	return true
}

// memoryOf returns the memory of a tensor. ok is false if the dtype is not T.
func memoryOf[T kernel.Float](t *gt.Dense) (data []T, ok bool) {
	switch t.Dtype() {
	case gt.Float32:
		data, ok = any(t.Float32s()).([]T)
	case gt.Float64:
		data, ok = any(t.Float64s()).([]T)
	}
	return data, ok
}

// single returns the memory of a scalar. ok is false if x is nil or the scalar's type is not T.
func single[T kernel.Float](x any) (data []T, ok bool) {
	p, ok := x.(*T)
	if !ok || p == nil {
		return nil, false
	}
	return unsafe.Slice(p, 1), true
}

// copyTo returns a copy of the elements in row-major order. It uses the memory of dst if dst is
// large enough.
func (b *buffer[T]) copyTo(dst []T) []T {
	dst = dst[:0]
	if b.rowMajor {
		return append(dst, b.data...)
	}
	b.layout.each(func(i int) { dst = append(dst, b.data[i]) })
	return dst
}

// copyFrom sets the elements to src, which is in row-major order.
func (b *buffer[T]) copyFrom(src []T) {
	next := 0
	b.layout.each(func(i int) { b.data[i] = src[next]; next++ })
}

func (b *buffer[T]) zero() {
	if b.rowMajor {
		clear(b.data)
		return
	}
	b.layout.each(func(i int) { b.data[i] = 0 })
}
