package l4_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
)

// TestNonFinite: a number that is not finite, wherever it is, is refused, changes nothing but the
// gradients, which become zero, and leaves no trace in the training that goes on.
func TestNonFinite(t *testing.T) {
	bad := func(dt tensor.Dtype) []float64 {
		overflow := 1e200
		if dt == tensor.Float32 {
			overflow = 1e20
		}
		return []float64{math.NaN(), math.Inf(1), math.Inf(-1), overflow, -overflow}
	}
	everySolver(t, func(t *testing.T, newSolver newSolver, dt tensor.Dtype) {
		train := func(poison func(loss bowl, model []*param)) []float64 {
			loss := newBowl()
			model := []*param{
				newParam("a", dt, []int{7, 3}, ramp(21, 1)),
				newParam("b", dt, []int{1}, ramp(1, 2)),
				newParam("c", dt, []int{12}, ramp(12, 3)),
			}
			s := newSolver(loss)
			for step := range 8 {
				if poison != nil &&
					(step == 0 || step == 4) { // before the first step there is no state yet
					before := weightsOf(model)
					loss.eval(model, 1)
					poison(loss, model)
					rejecting(t, s, newSolver(loss), func() {
						if err := s.Step(valueGrads(model)); !errors.Is(err, l4.ErrNonFinite) {
							t.Errorf("error %v, want ErrNonFinite", err)
						}
					})
					wantEqual(t, weightsOf(model), before)
					for _, p := range model {
						wantEqual(t, numbers(p.g), make([]float64, len(numbers(p.g))))
					}
				}
				loss.eval(model, 1)
				if err := s.Step(valueGrads(model)); err != nil {
					t.Fatal(err)
				}
			}
			return weightsOf(model)
		}
		want := train(nil)
		for _, x := range bad(dt) {
			for k := range 3 {
				for _, at := range []string{"first", "middle", "last"} {
					got := train(func(_ bowl, model []*param) {
						g := numbers(model[k].g)
						g[map[string]int{"first": 0, "middle": len(g) / 2,
							"last": len(g) - 1}[at]] = x
						model[k].setGrad(g)
					})
					t.Run(
						fmt.Sprintf("%v/%s of parameter %d", x, at, k),
						func(t *testing.T) { wantEqual(t, got, want) },
					)
				}
			}
		}
		for _, x := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
			wantEqual(t, train(func(loss bowl, _ []*param) { *loss.F64 = gorgonia.F64(x) }), want)
		}
	})
}

// TestLargestGradient: the largest gradient whose square is finite is a step, not an error.
func TestLargestGradient(t *testing.T) {
	everySolver(t, func(t *testing.T, newSolver newSolver, dt tensor.Dtype) {
		largest := math.Sqrt(math.MaxFloat64)
		if dt == tensor.Float32 {
			largest = float64(float32(math.Sqrt(math.MaxFloat32)))
		}
		model := []*param{newParam("w", dt, []int{20}, ramp(20, 1))}
		g := make([]float64, 20)
		for i := range g {
			g[i] = largest
		}
		s := newSolver(valuer{gorgonia.NewF64(1)})
		for range 3 {
			model[0].setGrad(g)
			if err := s.Step(valueGrads(model)); err != nil {
				t.Fatal(err)
			}
		}
		for i, w := range weightsOf(model) {
			if math.IsNaN(w) || math.IsInf(w, 0) {
				t.Errorf("weight %d is %v", i, w)
			}
		}
	})
}

// TestPoisonedBatch trains in a tape machine with a batch of NaN in the middle, and ends where the
// training without that batch ends.
func TestPoisonedBatch(t *testing.T) {
	everySolver(t, func(t *testing.T, newSolver newSolver, dt tensor.Dtype) {
		run := func(poison bool, opts ...l4.Option) ([]float64, l4.Info) {
			g, loss, weights := mixedGraph(dt)
			next := tape(t, g, loss, weights, gorgonia.BindDualValues(weights...))
			x := g.ByName("x")[0].Value().(*tensor.Dense)
			s := newSolver(loss, opts...)
			for step := range 20 {
				if poison && step == 10 {
					clean := numbers(x)
					bad := append([]float64{}, clean...)
					bad[len(bad)/2] = math.NaN()
					setNumbers(x, bad)
					if err := next(); err != nil {
						t.Fatal(err)
					}
					err := s.Step(gorgonia.NodesToValueGrads(weights))
					if (len(opts) == 0) != errors.Is(err, l4.ErrNonFinite) {
						t.Errorf("error %v", err)
					}
					setNumbers(x, clean)
				}
				if err := next(); err != nil {
					t.Fatal(err)
				}
				if err := s.Step(gorgonia.NodesToValueGrads(weights)); err != nil {
					t.Fatal(err)
				}
			}
			var all []float64
			for _, w := range weights {
				all = append(all, numbers(w.Value())...)
			}
			return all, s.Last()
		}
		want, _ := run(false)
		got, _ := run(true)
		wantEqual(t, got, want)
		got, info := run(true, l4.WithSkipNonFinite(1))
		wantEqual(t, got, want)
		if info.Skipped != 1 || info.Step != 20 {
			t.Errorf("Last: %+v", info)
		}
	})
}

// TestOverflowingSquare: the error about a finite gradient says that its square is what overflows,
// and what it advises makes the step.
func TestOverflowingSquare(t *testing.T) {
	for dt, large := range map[tensor.Dtype]float64{tensor.Float32: 0x1p65, tensor.Float64: 1e200} {
		loss, p := newBowl(), newParam("w", dt, []int{2}, []float64{1, 2})
		*loss.F64 = 1
		step := func(g float64, opts ...l4.Option) error {
			p.setGrad([]float64{1, g})
			return l4.NewL4Adam(loss, opts...).Step(valueGrads([]*param{p}))
		}
		err := step(large)
		if !errors.Is(err, l4.ErrNonFinite) || !strings.Contains(err.Error(), fmt.Sprintf(
			"the gradient of w is %v at element 1, and its square overflows: divide the loss by a",
			large)) {
			t.Errorf("%v: error %v", dt, err)
		}
		clipped := step(large, l4.WithClip(1))
		if (clipped == nil) != strings.Contains(err.Error(), "WithClip") {
			t.Errorf("%v: error %v, and with WithClip %v", dt, err, clipped)
		}
		if err := step(math.Inf(1)); err == nil || strings.Contains(err.Error(), "square") {
			t.Errorf("%v: an infinite gradient: error %v", dt, err)
		}
	}
}
