package op

import (
	"unsafe"

	"github.com/pkg/errors"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Float is the type of a tensor's elements.
type Float interface{ float32 | float64 }

// value is a Gorgonia value and its elements.
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

// flat returns the elements of a row-major tensor or a scalar.
func flat[T Float](v G.Value) ([]T, error) {
	var data any
	switch x := v.(type) {
	case *tensor.Dense:
		switch {
		case x.RequiresIterator() || !x.DataOrder().IsRowMajor():
			return nil, errors.New("the value is a view or a column-major tensor, want a " +
				"row-major tensor: use a copy")
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
	return nil, errors.Errorf("the value is a %T, want a tensor or a scalar of %v", v, dtype[T]())
}

func dtype[T Float]() tensor.Dtype {
	var zero T
	if unsafe.Sizeof(zero) == 4 {
		return tensor.Float32
	}
	return tensor.Float64
}

// Fill sets the elements of a float32 or float64 tensor to the results of next, in the order of the
// tensor's memory.
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
