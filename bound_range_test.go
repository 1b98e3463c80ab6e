package l4_test

import (
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
)

// TestBoundAgainstDescent: where gᵀv is below 0 there is no step, though ε makes the rate positive.
func TestBoundAgainstDescent(t *testing.T) {
	loss, p := gorgonia.NewF64(0), newParam("w", tensor.Float64, []int{1}, []float64{1})
	s := l4.NewL4Mom(valuer{loss}, l4.WithMomentumTime(1), l4.WithGradientTime(2))
	first := stepOnce(t, s, loss, p, 1, 4e-7)
	info := stepOnce(t, s, loss, p, 1, -1e-7)
	if !(first.Length > 0 && info.InnerProduct < 0 && info.InnerProduct > -1e-12) {
		t.Fatalf("first %+v, then %+v", first, info)
	}
	if info.LearnRate != 0 || info.Length != 0 || info.Path != first.Path {
		t.Errorf("%+v", info)
	}
}

// TestBoundOfLargestNumbers: what the bound remembers stays finite, so that its state can be
// loaded.
func TestBoundOfLargestNumbers(t *testing.T) {
	for name, c := range map[string]struct {
		loss, grad float64
		steps      int
	}{
		"infinite rate":        {1e300, 1e-160, 1},
		"infinite path, reach": {1e308, 1, 1000},
	} {
		loss, p := gorgonia.NewF64(0), newParam("w", tensor.Float64, []int{1}, []float64{1})
		newSolver := func() *l4.L4Mom {
			return l4.NewL4Mom(valuer{loss}, l4.WithMomentumTime(1), l4.WithEpsilon(0))
		}
		s := newSolver()
		for range c.steps {
			if info := stepOnce(t, s, loss, p, c.loss, c.grad); !(info.Length <= info.Limit) {
				t.Fatalf("%s: %+v", name, info)
			}
		}
		data, err := s.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		if err := newSolver().UnmarshalBinary(data); err != nil {
			t.Errorf("%s: %+v: %v", name, s.Last(), err)
		}
	}
}
