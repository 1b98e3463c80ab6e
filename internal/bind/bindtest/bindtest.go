// Package bindtest reads and writes the elements of Gorgonia's values in tests. It does not use the
// code of package bind, which these tests check.
package bindtest

import (
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Numbers returns the elements of a value in row-major order.
func Numbers(v gorgonia.Value) []float64 {
	var xs []float64
	Each(v, func(x *float64) { xs = append(xs, *x) })
	return xs
}

// SetNumbers sets the elements of a value in row-major order.
func SetNumbers(v gorgonia.Value, xs []float64) {
	Each(v, func(x *float64) { *x, xs = xs[0], xs[1:] })
}

// Each calls f with each element in row-major order, and stores the value that f leaves in *x.
func Each(v gorgonia.Value, f func(x *float64)) {
	switch v := v.(type) {
	case *gorgonia.F64:
		f((*float64)(v))
		return
	case *gorgonia.F32:
		x := float64(*v)
		f(&x)
		*v = gorgonia.F32(x)
		return
	}
	d := v.(*tensor.Dense)
	shape, strides := d.Shape(), d.Strides()
	if len(strides) != len(shape) { // a column-major row or column
		shape, strides = tensor.Shape{shape.TotalSize()}, []int{1}
	}
	var visit func(axis, at int)
	visit = func(axis, at int) {
		if axis < len(shape) {
			for i := range shape[axis] {
				visit(axis+1, at+i*strides[axis])
			}
			return
		}
		if d.Dtype() == tensor.Float64 {
			f(&d.Float64s()[at])
			return
		}
		x := float64(d.Float32s()[at])
		f(&x)
		d.Float32s()[at] = float32(x)
	}
	visit(0, 0)
}
