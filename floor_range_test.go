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
