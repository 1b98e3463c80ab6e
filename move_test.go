package l4_test

import (
	"math"
	"testing"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
)

// TestWeightDecay: a step with decay equals a step without decay from weights that are multiplied
// by 1−λ, with the same loss and gradient.
func TestWeightDecay(t *testing.T) {
	const lambda = 0.01
	everySolver(t, func(t *testing.T, newSolver newSolver, dt tensor.Dtype) {
		step := func(opts ...l4.Option) ([]float64, l4.Info) {
			w := newParam("w", dt, []int{40}, ramp(40, 1))
			s := newSolver(valuer{gorgonia.NewF64(1)}, opts...)
			for range 3 {
				w.setWeight(ramp(40, 1))
				w.setGrad(ramp(40, 2))
				if err := s.Step([]gorgonia.ValueGrad{w}); err != nil {
					t.Fatal(err)
				}
			}
			return numbers(w.w), s.Last()
		}
		want, info := step(l4.WithoutBound()) // which goes by how far the weights have come
		got, decayed := step(l4.WithoutBound(), l4.WithWeightDecay(lambda))
		for i, x := range ramp(40, 1) {
			want[i] -= lambda * x
		}
		wantClose(t, got, want, 1e-5)
		if decayed != info {
			t.Errorf("Info %+v, without decay %+v", decayed, info)
		}
	})
}

// TestWeightDecayRounding: the factor is 1−λ, rounded once to the weight's dtype.
func TestWeightDecayRounding(t *testing.T) {
	for _, lambda := range []float64{1e-3, 0.0203, 0.001286} {
		p := newParam("w", tensor.Float32, []int{1}, []float64{1})
		s := l4.NewL4Mom(valuer{gorgonia.NewF64(1)}, l4.WithWeightDecay(lambda))
		if err := s.Step(valueGrads([]*param{p})); err != nil { // without a gradient
			t.Fatal(err)
		}
		if got, want := numbers(p.w)[0], float64(float32(1-lambda)); got != want {
			t.Errorf("λ = %v: the weight is %v, want %v", lambda, got, want)
		}
	}
}

// TestWeightDecayOfAfterFailure: if the first step fails, the next step chooses the decaying
// parameters again, because it may have another model.
func TestWeightDecayOfAfterFailure(t *testing.T) {
	s := l4.NewL4Mom(valuer{gorgonia.NewF64(1)}, l4.WithWeightDecay(0.5),
		l4.WithWeightDecayOf(func(name string, _ []int) bool { return name == "decays" }))
	bad := newParam("stays", tensor.Float64, []int{1}, []float64{1})
	bad.setGrad([]float64{math.NaN()})
	if err := s.Step(valueGrads([]*param{bad})); !errors.Is(err, l4.ErrNonFinite) {
		t.Fatalf("error %v", err)
	}
	p := newParam("decays", tensor.Float64, []int{1}, []float64{1})
	if err := s.Step(valueGrads([]*param{p})); err != nil {
		t.Fatal(err)
	}
	wantEqual(t, numbers(p.w), []float64{0.5})
}

// TestWeightDecayOfMayChangeShape: the function gets a copy of the shape. If it changes the copy,
// the solver and its saved state stay the same.
func TestWeightDecayOfMayChangeShape(t *testing.T) {
	opt := l4.WithWeightDecayOf(func(_ string, shape []int) bool {
		clear(shape)
		return true
	})
	loss, model := newBowl(), stateModel(tensor.Float64)
	s := l4.NewL4Adam(loss, l4.WithWeightDecay(1e-3), opt)
	stepTimes(t, s, loss, model, 2)
	data, err := s.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	s = l4.NewL4Adam(loss, l4.WithWeightDecay(1e-3), opt)
	if err := s.UnmarshalBinary(data); err != nil {
		t.Fatal(err)
	}
	stepTimes(t, s, loss, model, 2)
}
