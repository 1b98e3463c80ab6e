package baseline

import (
	"strings"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// TestReadLoss: losses that a solver can read, and others.
func TestReadLoss(t *testing.T) {
	of := func(x any, shape ...int) gorgonia.Valuer {
		return &number{tensor.New(tensor.WithShape(shape...), tensor.WithBacking(x))}
	}
	for _, loss := range []gorgonia.Valuer{
		&number{gorgonia.NewF64(1.5)}, &number{gorgonia.NewF32(1.5)},
		of([]float64{1.5}, 1), of([]float32{1.5}, 1, 1),
		&number{tensor.New(tensor.FromScalar(1.5))},
	} {
		if x, err := ReadLoss(loss); err != nil || x != 1.5 {
			t.Errorf("%T: %v, %v", loss.Value(), x, err)
		}
	}
	for want, loss := range map[string]gorgonia.Valuer{
		"missing:":       nil,
		"the loss is mi": &number{},
		"shape (2)":      of([]float64{1, 2}, 2),
		"*gorgonia.I":    &number{gorgonia.NewI(1)},
		"shape (1, 2)":   of([]float32{1, 2}, 1, 2),
	} {
		if _, err := ReadLoss(loss); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}
