package l4_test

import (
	"math"
	"strings"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
)

// stepOnce sets a loss and gradients and steps.
func stepOnce(
	t *testing.T,
	s stepper,
	loss *gorgonia.F64,
	p *param,
	l float64,
	g ...float64,
) l4.Info {
	t.Helper()
	*loss = gorgonia.F64(l)
	p.setGrad(g)
	if err := s.Step(valueGrads([]*param{p})); err != nil {
		t.Fatal(err)
	}
	return s.Last()
}

// TestBoundWithWeightNotFinite: a weight that is not a finite number, and has no gradient, leaves
// the bound of the others in force.
func TestBoundWithWeightNotFinite(t *testing.T) {
	for name, newSolver := range solvers {
		if name == "L4" {
			continue // whose inner solver's direction is not a number then
		}
		for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
			loss := gorgonia.NewF64(0)
			p := newParam("w", tensor.Float64, []int{2}, []float64{bad, 1})
			s := newSolver(valuer{loss})
			for range 5 {
				info := stepOnce(t, s, loss, p, 1, 0, 1)
				if !(info.Length <= info.Limit && info.Limit < 1 && info.Reach < 10) {
					t.Fatalf("%s, %v: %+v", name, bad, info)
				}
			}
		}
	}
}

// TestBoundAfterUnderflow: a step whose length underflows does not start the bound.
func TestBoundAfterUnderflow(t *testing.T) {
	loss, p := gorgonia.NewF64(0), newParam("w", tensor.Float64, []int{1}, []float64{1})
	s := l4.NewL4Mom(valuer{loss}, l4.WithMomentumTime(1))
	if info := stepOnce(t, s, loss, p, 1e-180, 1e-160); info.Length != 0 || info.LearnRate != 0 {
		t.Errorf("first step: %+v", info)
	}
	for range 5 {
		if info := stepOnce(t, s, loss, p, 1, 1); !(info.Length > 0) {
			t.Fatalf("%+v", info)
		}
	}
}

// TestLoadOtherFloor: the state of a solver whose floor moves names the option if it is loaded into
// one with a given floor of the same number, and the other way round.
func TestLoadOtherFloor(t *testing.T) {
	loss, p := gorgonia.NewF64(0), newParam("w", tensor.Float64, []int{1}, []float64{1})
	for _, opts := range [][2][]l4.Option{{nil, {l4.WithLossFloor(0)}},
		{{l4.WithLossFloor(0)}, nil}} {
		s := l4.NewL4Mom(valuer{loss}, opts[0]...)
		stepOnce(t, s, loss, p, 1, 1)
		data, err := s.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		err = l4.NewL4Mom(valuer{loss}, opts[1]...).UnmarshalBinary(data)
		if err == nil || !strings.Contains(err.Error(), "WithLossFloor") {
			t.Errorf("error %v", err)
		}
	}
}

// TestReachAfterWeightsWereSet: weights that a program sets between two steps count in the next.
func TestReachAfterWeightsWereSet(t *testing.T) {
	loss, p := gorgonia.NewF64(0), newParam("w", tensor.Float64, []int{1}, []float64{1})
	s := l4.NewL4Mom(valuer{loss})
	stepOnce(t, s, loss, p, 1, 1)
	p.setWeight([]float64{101})
	stepOnce(t, s, loss, p, 1, 1)
	if info := stepOnce(t, s, loss, p, 1, 1); math.Abs(info.Reach-100) > 1 {
		t.Errorf("%+v", info)
	}
}
