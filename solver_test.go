package l4_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
)

func TestLast(t *testing.T) {
	s := l4.NewL4Mom(valuer{gorgonia.NewF32(2)}, l4.WithoutBound())
	if s.Last() != (l4.Info{}) {
		t.Errorf("before the first step: %+v", s.Last())
	}
	p := newParam("w", tensor.Float64, []int{2}, []float64{1, 2})
	p.setGrad([]float64{3, 4})
	if err := s.Step([]gorgonia.ValueGrad{p}); err != nil {
		t.Fatal(err)
	}
	// v = g, gᵀv = 25, Lmin = 0.75·2, η = 0.15·(2 - 0.9·1.5)/25
	eta := 0.15 * (2 - 0.9*1.5) / (25 + 1e-12)
	got := did(s)
	if got.Step != 1 || got.Loss != 2 || got.LMin != 1.5 || math.Abs(got.InnerProduct-25) > 1e-12 ||
		math.Abs(got.LearnRate-eta) > 1e-15 {
		t.Errorf("%+v", got)
	}
	wantClose(t, numbers(p.w), []float64{1 - 3*eta, 2 - 4*eta}, 1e-14)
	// A step that fails leaves what the last successful one said.
	if err := s.Step(nil); err == nil || did(s) != got || s.Last().Rejected != 1 {
		t.Errorf("after a failed step: %+v, error %v", s.Last(), err)
	}
}

// TestMixedDtypes trains float32 and float64 parameters in one model.
func TestMixedDtypes(t *testing.T) {
	for name, newSolver := range solvers {
		t.Run(name, func(t *testing.T) {
			model := func(first tensor.Dtype) []*param {
				return []*param{
					newParam("a", first, []int{4}, ramp(4, 1)),
					newParam("b", tensor.Float64, []int{3}, ramp(3, 2)),
				}
			}
			got := descend(t, newSolver, model(tensor.Float32), 30, 1)
			wantClose(t, got, descend(t, newSolver, model(tensor.Float64), 30, 1), 1e-5)
		})
	}
}

// TestScaleInvariance: with ε = 0 the trajectory does not change when the loss, its gradients and
// Adam's epsilon, which is added to a gradient, are multiplied by one number.
func TestScaleInvariance(t *testing.T) {
	for name, newSolver := range solvers {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(7, 8))
			for range 20 {
				n, scale := 1+r.IntN(40), math.Exp(8*r.NormFloat64())
				model := func() []*param {
					return []*param{newParam("w", tensor.Float64, []int{n}, ramp(n, uint64(n)))}
				}
				opts := func(a float64) []l4.Option {
					o := []l4.Option{l4.WithEpsilon(0), l4.WithFraction(0.25)}
					if name == "L4Adam" {
						o = append(o, l4.WithAdamEpsilon(a*1e-4))
					}
					return o
				}
				want := descend(t, newSolver, model(), 40, 1, opts(1)...)
				got := descend(t, newSolver, model(), 40, scale, opts(scale)...)
				errs := worst{}
				errs.addAll("weights", got, want)
				if errs["weights"] > 1e-9 {
					t.Errorf(
						"%d weights, scale %.3g: relative error %.2g",
						n,
						scale,
						errs["weights"],
					)
				}
			}
		})
	}
}

// TestCuttingDoesNotMatter: the weights after training do not depend on how they are cut into
// tensors.
func TestCuttingDoesNotMatter(t *testing.T) {
	for name, newSolver := range solvers {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(9, 10))
			for _, n := range []int{1, 17, 200, 40000} {
				xs := ramp(n, uint64(n))
				var cut []*param
				for rest := xs; len(rest) > 0; {
					k := min(len(rest), 1+r.IntN(n/3+1))
					cut = append(
						cut,
						newParam(fmt.Sprint("w", len(cut)), tensor.Float64, []int{k}, rest[:k]),
					)
					rest = rest[k:]
				}
				whole := []*param{newParam("w", tensor.Float64, []int{n}, xs)}
				wantClose(
					t,
					descend(t, newSolver, cut, 20, 1),
					descend(t, newSolver, whole, 20, 1),
					1e-12,
				)
			}
		})
	}
}

// TestZeroGradient: with ε = 0 and no direction at all the weights stay, and stay finite.
func TestZeroGradient(t *testing.T) {
	everySolver(t, func(t *testing.T, newSolver newSolver, dt tensor.Dtype) {
		p := newParam("w", dt, []int{5}, ramp(5, 1))
		before := numbers(p.w)
		for _, loss := range []float64{1, 1e300, 0} {
			s := newSolver(valuer{gorgonia.NewF64(loss)}, l4.WithEpsilon(0))
			if err := s.Step([]gorgonia.ValueGrad{p}); err != nil {
				t.Fatal(err)
			}
			wantEqual(t, numbers(p.w), before)
			if eta := s.Last().LearnRate; math.IsNaN(eta) || math.IsInf(eta, 0) {
				t.Errorf("learning rate %v", eta)
			}
		}
	})
}

// TestZeroSolver: a solver that no constructor has made says so.
func TestZeroSolver(t *testing.T) {
	zero := map[string]stepper{"L4Adam": new(l4.L4Adam), "L4Mom": new(l4.L4Mom), "L4": new(l4.L4)}
	for name, s := range zero {
		s.SetLoss(valuer{gorgonia.NewF64(1)})
		_, saveErr := s.MarshalBinary()
		for _, err := range []error{s.Step(valueGrads(stateModel(tensor.Float64))), saveErr,
			s.UnmarshalBinary(savedState(t))} {
			if err == nil || !strings.Contains(err.Error(), "NewL4Adam") {
				t.Errorf("%s: error %v", name, err)
			}
		}
	}
}
