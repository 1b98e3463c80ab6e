package l4_test

import (
	"testing"

	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
)

// TestAverageLoadWhileSwapped: loading while the model has its averaged weights is an error,
// because the trained weights, which the Average keeps meanwhile, would be lost.
func TestAverageLoadWhileSwapped(t *testing.T) {
	p := newParam("w", tensor.Float64, []int{2}, []float64{1, 2})
	average := l4.NewAverage(valueGrads([]*param{p}))
	update := func() {
		t.Helper()
		if err := average.Update(); err != nil {
			t.Fatal(err)
		}
	}
	update()
	data, err := average.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	p.setWeight([]float64{5, 6})
	update()
	if err := average.Swap(); err != nil {
		t.Fatal(err)
	}
	if average.UnmarshalBinary(data) == nil {
		t.Error("no error")
	}
	if err := average.Swap(); err != nil {
		t.Fatal(err)
	}
	wantEqual(t, numbers(p.w), []float64{5, 6})
}
