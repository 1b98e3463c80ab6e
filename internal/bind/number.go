package bind

import (
	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"
	gt "gorgonia.org/tensor"
)

// Number returns the number in a scalar or in a tensor of one element. narrow reports whether the
// number is a float32.
func Number(v gorgonia.Value) (x float64, narrow bool, err error) {
	if IsNil(v) {
		return 0, false, errors.Errorf("is a nil %T", v)
	}
	switch v := v.(type) {
	case *gorgonia.F32:
		return float64(*v), true, nil
	case *gorgonia.F64:
		return float64(*v), false, nil
	case *gt.Dense:
		if n := v.Shape().TotalSize(); n != 1 {
			return 0, false, errors.Errorf("has shape %v, want one number", v.Shape())
		}
		switch v.Dtype() {
		case gt.Float32:
			return float64(v.Float32s()[0]), true, nil
		case gt.Float64:
			return v.Float64s()[0], false, nil
		}
		return 0, false, errors.Errorf("has dtype %v, want float32 or float64", v.Dtype())
	}
	return 0, false, errors.Errorf("is a %T, want a float32 or float64 scalar or tensor of one "+
		"element", v)
}
