package l4

import (
	"cmp"
	"slices"
	"unsafe"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/kernel"
)

// buffer is the memory of a Gorgonia value with elements of type T.
type buffer[T kernel.Float] struct {
	tensor         *tensor.Dense // nil for a scalar
	data           []T           // as it lies in memory; exactly the elements if rowMajor
	shape, strides []int
	rowMajor       bool // the elements follow each other in row-major order
	fresh          bool // the last bind found something new, or could not tell
}

// bind takes up the memory of v and reports whether it is elsewhere than the last.
func (b *buffer[T]) bind(v gorgonia.Value) (moved bool, err error) {
	t, isTensor := v.(*tensor.Dense)
	if b.fresh = !isTensor || !b.unchanged(t); !b.fresh {
		return false, nil
	}
	var data []T
	var shape, strides []int
	ok := false
	switch v := v.(type) {
	case nil:
		return false, errors.New("no value: has the virtual machine run?")
	case *tensor.Dense:
		if v == nil {
			return false, errors.New("nil tensor")
		}
		if !v.IsNativelyAccessible() {
			return false, errors.New("the tensor is not in the CPU's memory")
		}
		data, ok = elements[T](v)
		shape, strides = v.Shape(), v.Strides()
	case *gorgonia.F32:
		data, ok = single[T]((*float32)(v))
	case *gorgonia.F64:
		data, ok = single[T]((*float64)(v))
	default:
		return false, errors.Errorf("unsupported value of type %T", v)
	}
	if !ok {
		var want T
		return false, errors.Errorf("dtype %v, want %T", v.Dtype(), want)
	}

	rowMajor, n, last := scan(shape, strides)
	if n == 0 || last >= len(data) {
		return false, errors.Errorf("shape %v with strides %v does not fit its %d elements of memory", shape, strides, len(data))
	}
	if rowMajor {
		data = data[:n]
	}
	moved = len(b.data) != len(data) || &b.data[0] != &data[0]
	b.tensor, b.data, b.rowMajor = t, data, rowMajor
	b.shape = append(b.shape[:0], shape...) // copies: Gorgonia changes its own in place
	b.strides = append(b.strides[:0], strides...)
	return moved, nil
}

// unchanged reports whether t is the tensor of the last bind, in the same memory and still row-major: the
// usual case, made quick.
func (b *buffer[T]) unchanged(t *tensor.Dense) bool {
	var x T
	if t == nil || t != b.tensor || !b.rowMajor || t.DataOrder() != 0 ||
		t.MemSize() != uintptr(len(b.data))*unsafe.Sizeof(x) || t.Uintptr() != address(&b.data[0]) {
		return false
	}
	shape := t.Shape()
	if len(shape) != len(b.shape) {
		return false
	}
	for i, n := range shape {
		if n != b.shape[i] {
			return false
		}
	}
	return true
}

// elements returns the memory of a tensor of dtype T.
func elements[T kernel.Float](t *tensor.Dense) (data []T, ok bool) {
	switch t.Dtype() {
	case tensor.Float32:
		data, ok = any(t.Float32s()).([]T)
	case tensor.Float64:
		data, ok = any(t.Float64s()).([]T)
	}
	return data, ok
}

// single returns the memory of a scalar of type T.
func single[T kernel.Float](x any) (data []T, ok bool) {
	p, ok := x.(*T)
	if !ok || p == nil {
		return nil, false
	}
	return unsafe.Slice(p, 1), true
}

// scan returns whether the strides are those of row-major order, the number of elements and the index in
// memory of the last. A layout that makes no sense has no elements.
func scan(shape, strides []int) (rowMajor bool, n, last int) {
	if len(shape) != len(strides) {
		return false, 0, 0
	}
	rowMajor, n = true, 1
	for i := len(shape) - 1; i >= 0; i-- {
		if shape[i] <= 0 || strides[i] < 0 {
			return false, 0, 0
		}
		if shape[i] > 1 && strides[i] != n {
			rowMajor = false
		}
		last += (shape[i] - 1) * strides[i]
		n *= shape[i]
	}
	return rowMajor, n, last
}

// copyTo returns the elements in row-major order, in flat if it is large enough.
func (b *buffer[T]) copyTo(flat []T) []T {
	flat = flat[:0]
	b.each(b.shape, b.strides, 0, func(i int) { flat = append(flat, b.data[i]) })
	return flat
}

// copyFrom sets the elements from their row-major order.
func (b *buffer[T]) copyFrom(flat []T) {
	next := 0
	b.each(b.shape, b.strides, 0, func(i int) { b.data[i] = flat[next]; next++ })
}

func (b *buffer[T]) zero() {
	if b.rowMajor {
		clear(b.data)
		return
	}
	b.each(b.shape, b.strides, 0, func(i int) { b.data[i] = 0 })
}

// each calls f with the index in memory of each element, in row-major order.
func (b *buffer[T]) each(shape, strides []int, at int, f func(i int)) {
	if len(shape) == 0 {
		f(at)
		return
	}
	for range shape[0] {
		b.each(shape[1:], strides[1:], at, f)
		at += strides[0]
	}
}

// extent is a range of addresses and who owns it.
type extent struct {
	from, to uintptr
	param    int
	grad     bool
	sparse   func(yield func(uintptr)) // yields the addresses, if they leave gaps
}

func (e extent) String() string {
	if e.grad {
		return "gradient"
	}
	return "weight"
}

func address[T any](p *T) uintptr { return uintptr(unsafe.Pointer(p)) }

func (b *buffer[T]) extent() extent {
	from, size := address(&b.data[0]), unsafe.Sizeof(b.data[0])
	e := extent{from: from, to: from + uintptr(len(b.data))*size}
	if !b.rowMajor {
		e.sparse = func(yield func(uintptr)) {
			b.each(b.shape, b.strides, 0, func(i int) { yield(from + uintptr(i)*size) })
		}
	}
	return e
}

// meets reports whether two ranges have an address in common.
func (e extent) meets(o extent) bool {
	if e.to <= o.from || o.to <= e.from {
		return false
	}
	if e.sparse == nil && o.sparse == nil {
		return true
	}
	if e.sparse == nil {
		e, o = o, e
	}
	mine, found := map[uintptr]bool{}, false
	e.sparse(func(a uintptr) {
		mine[a] = true
		found = found || o.sparse == nil && o.from <= a && a < o.to
	})
	if o.sparse != nil {
		o.sparse(func(a uintptr) { found = found || mine[a] })
	}
	return found
}

// overlaps calls f for each pair of ranges that have an address in common, until it returns an error. It
// sorts the ranges.
func overlaps(ranges []extent, f func(a, b extent) error) error {
	slices.SortFunc(ranges, func(a, b extent) int { return cmp.Compare(a.from, b.from) })
	for i, a := range ranges {
		for _, b := range ranges[i+1:] {
			if b.from >= a.to {
				break
			}
			if !a.meets(b) {
				continue
			}
			if err := f(a, b); err != nil {
				return err
			}
		}
	}
	return nil
}
