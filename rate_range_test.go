package l4_test

import (
	"math"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
)

// TestRateAboveFloat32: a learning rate that float32 cannot hold is capped there, so that weights
// stay finite.
func TestRateAboveFloat32(t *testing.T) {
	loss, p := gorgonia.NewF64(0), newParam("w", tensor.Float32, []int{2}, []float64{1, 2})
	stepOnce(
		t,
		l4.NewL4Mom(valuer{loss}, l4.WithoutBound(), l4.WithEpsilon(0)),
		loss,
		p,
		1,
		1e-30,
		0,
	)
	if w := numbers(p.w); !(math.Abs(w[0]) < 1e9) || w[1] != 2 {
		t.Errorf("weights %v", w)
	}
}

// TestLargestLmin: Lmin does not grow beyond the largest number, so that the state can be loaded.
func TestLargestLmin(t *testing.T) {
	loss, p := gorgonia.NewF64(0), newParam("w", tensor.Float64, []int{1}, []float64{1})
	s := l4.NewL4Mom(valuer{loss}, l4.WithInitFactor(1))
	stepOnce(t, s, loss, p, math.MaxFloat64, 1)
	data, err := s.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	if err := l4.NewL4Mom(valuer{loss}, l4.WithInitFactor(1)).UnmarshalBinary(data); err != nil {
		t.Error(err)
	}
}

// TestTensorOfOtherMemory: a tensor whose memory is exchanged under its address is stepped in the
// new memory.
func TestTensorOfOtherMemory(t *testing.T) {
	loss, p := gorgonia.NewF64(0), newParam("w", tensor.Float64, []int{2}, []float64{1, 2})
	s := l4.NewL4Mom(valuer{loss})
	stepOnce(t, s, loss, p, 1, 1, 1)
	*p.w.(*tensor.Dense) = *newParam("w", tensor.Float64, []int{2},
		[]float64{5, 6}).w.(*tensor.Dense)
	stepOnce(t, s, loss, p, 1, 1, 1)
	if w := numbers(p.w); w[0] == 5 || w[1] == 6 {
		t.Errorf("weights %v", w)
	}
}

// TestClipAfterZeroGradient: a step without a gradient has nothing clipped, whatever the last had.
func TestClipAfterZeroGradient(t *testing.T) {
	loss, p := gorgonia.NewF64(0), newParam("w", tensor.Float64, []int{1}, []float64{1})
	s := l4.NewL4Mom(
		valuer{loss},
		l4.WithoutBound(),
		l4.WithClip(1),
		l4.WithMomentumTime(2),
		l4.WithEpsilon(0),
	)
	stepOnce(t, s, loss, p, 1, 10) // a tenth of the slope is left
	info := stepOnce(t, s, loss, p, 1, 0)
	kept := (0.25*0.1 + 0.5*1) / 0.75
	want := 0.15 * (1 - 0.9*info.LMin) * kept / info.InnerProduct
	if math.Abs(info.LearnRate/want-1) > 1e-12 {
		t.Errorf("rate %v, want %v", info.LearnRate, want)
	}
}
