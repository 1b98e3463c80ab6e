package l4_test

import (
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
)

// TestFloorTolerance: a loss below a floor that moves counts as at the floor up to 1e-6 of the
// range of losses.
func TestFloorTolerance(t *testing.T) {
	for _, largest := range []float64{1, 1e3} {
		for share, lowers := range map[float64]bool{0.9e-6: false, 1.1e-6: true} {
			loss, p := gorgonia.NewF64(0), newParam("w", tensor.Float64, []int{1}, []float64{1})
			s := l4.NewL4Mom(valuer{loss})
			stepOnce(t, s, loss, p, largest, 1)
			if info := stepOnce(t, s, loss, p, -share*largest, 1); (info.Floor < 0) != lowers {
				t.Errorf("%v of %v below: floor %v", share, largest, info.Floor)
			}
		}
	}
}

// TestFloorMoves: where the floor goes for a sequence of losses, and Lmin with it.
func TestFloorMoves(t *testing.T) {
	for _, c := range []struct{ losses, floors, lmins []float64 }{
		{[]float64{2, -1}, []float64{0, -4}, []float64{1.5, 3}},            // by the range
		{[]float64{-5}, []float64{-10}, []float64{3.75}},                   // by the magnitude
		{[]float64{2, -1, -4 - 4e-6}, []float64{0, -4, -4}, nil},           // at the floor
		{[]float64{-5, -10 - 7e-6}, []float64{-10, 2 * (-10 - 7e-6)}, nil}, // the largest is -5
		{[]float64{-1, -3}, []float64{-2, -6}, []float64{0.75, 3}},
		{[]float64{1000, 10, -10}, []float64{0, 0, -1020}, []float64{750, 10, 1010}},
		{[]float64{2, 1, -2}, []float64{0, 0, -6}, []float64{1.5, 1, 4}},
	} {
		loss, p := gorgonia.NewF64(0), newParam("w", tensor.Float64, []int{1}, []float64{1})
		s := l4.NewL4Mom(valuer{loss})
		for i, l := range c.losses {
			info := stepOnce(t, s, loss, p, l, 1)
			if info.Floor != c.floors[i] || c.lmins != nil && info.LMin != c.lmins[i] {
				t.Errorf("losses %v, step %d: %+v", c.losses, i, info)
			}
		}
	}
	// With a factor of 0, Lmin moves by as much as the floor: from 0 to 12, cut to the loss above
	// it.
	loss, p := gorgonia.NewF64(0), newParam("w", tensor.Float64, []int{1}, []float64{1})
	s := l4.NewL4Mom(valuer{loss}, l4.WithInitFactor(0), l4.WithMinLossFactor(1))
	stepOnce(t, s, loss, p, 10, 1)
	if info := stepOnce(t, s, loss, p, -1, 1); info.Floor != -12 || info.LMin != 11 {
		t.Errorf("%+v", info)
	}
}
