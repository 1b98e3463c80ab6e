package bind_test

import (
	"strings"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/bind"
)

// TestNumber: scalars and tensors of one element of either dtype are numbers, and nothing else is.
func TestNumber(t *testing.T) {
	one := func(backing any, shape ...int) *tensor.Dense {
		return tensor.New(tensor.WithShape(shape...), tensor.WithBacking(backing))
	}
	for _, c := range []struct {
		v      gorgonia.Value
		x      float64
		narrow bool
		want   string // of the error
	}{
		{gorgonia.NewF32(1.5), 1.5, true, ""},
		{gorgonia.NewF64(2.5), 2.5, false, ""},
		{one([]float32{1.5}, 1), 1.5, true, ""},
		{one([]float64{2.5}, 1, 1), 2.5, false, ""},
		{one([]float64{1, 2}, 2), 0, false, "has shape (2), want one number"},
		{one([]int{1}, 1), 0, false, "has dtype int"},
		{gorgonia.NewI(1), 0, false, "is a *gorgonia.I"},
		{(*gorgonia.F64)(nil), 0, false, "is a nil *gorgonia.F64"},
		{nil, 0, false, "is a nil <nil>"},
	} {
		x, narrow, err := bind.Number(c.v)
		if x != c.x || narrow != c.narrow || (err == nil) != (c.want == "") ||
			err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v, %v, error %v, want %v, %v, %q", c.v, x, narrow, err, c.x, c.narrow,
				c.want)
		}
	}
}
