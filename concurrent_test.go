package l4_test

import (
	"fmt"
	"runtime"
	"sync"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
)

// TestTwoSolversAtOnce: solvers in separate goroutines, with models that are large enough for all
// cores, do not disturb each other.
func TestTwoSolversAtOnce(t *testing.T) {
	run := func() []float64 {
		model := []*param{newParam("w", tensor.Float32, []int{700, 1000}, ramp(700_000, 1))}
		loss := valuer{gorgonia.NewF64(1)}
		s := l4.NewL4Adam(loss)
		for step := range 3 {
			model[0].setGrad(ramp(700_000, uint64(step)))
			if err := s.Step(valueGrads(model)); err != nil {
				t.Error(err)
			}
		}
		return weightsOf(model)
	}
	want := run()
	results := make([][]float64, 3)
	var done sync.WaitGroup
	for i := range results {
		done.Add(1)
		go func() {
			defer done.Done()
			results[i] = run()
		}()
	}
	done.Wait()
	for _, got := range results {
		wantEqual(t, got, want)
	}
}

// TestSideBySideMachines: one solver steps a model whose gradients come from machines that run at
// the same time.
func TestSideBySideMachines(t *testing.T) {
	run := func(sideBySide bool) []float64 {
		type half struct {
			loss    *gorgonia.Node
			weights gorgonia.Nodes
			next    func() error
		}
		halves := make([]half, 2)
		for i := range halves {
			g, loss, weights := mixedGraph(tensor.Float64)
			halves[i] = half{
				loss,
				weights,
				tape(t, g, loss, weights, gorgonia.BindDualValues(weights...)),
			}
		}
		var model []gorgonia.ValueGrad
		for i, h := range halves {
			for _, w := range h.weights {
				model = append(model, named{w, fmt.Sprint(i, w.Name())})
			}
		}
		loss := gorgonia.NewF64(0)
		s := l4.NewL4Adam(valuer{loss})
		for range 10 {
			var done sync.WaitGroup
			for _, h := range halves {
				work := func() {
					if err := h.next(); err != nil {
						t.Error(err)
					}
				}
				if sideBySide {
					done.Add(1)
					go func() { defer done.Done(); work() }()
				} else {
					work()
				}
			}
			done.Wait()
			*loss = 0
			for _, h := range halves {
				*loss += *h.loss.Value().(*gorgonia.F64)
			}
			if err := s.Step(model); err != nil {
				t.Fatal(err)
			}
		}
		var all []float64
		for _, p := range model {
			all = append(all, numbers(p.Value())...)
		}
		return all
	}
	wantEqual(t, run(true), run(false))
}

// named is a parameter with another name.
type named struct {
	gorgonia.ValueGrad
	name string
}

func (n named) Name() string { return n.name }

// TestSameBitsOnAnyNumberOfCores: steps have the same bits on any number of cores. The model is
// large enough for all cores.
func TestSameBitsOnAnyNumberOfCores(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	everySolver(t, func(t *testing.T, newSolver newSolver, dt tensor.Dtype) {
		var want []float64
		for _, procs := range []int{1, 3, 8} {
			runtime.GOMAXPROCS(procs)
			model := []*param{
				newParam("a", dt, []int{301, 2000}, ramp(301*2000, 1)),
				newParam("b", dt, []int{5}, ramp(5, 2)),
			}
			got := descend(t, newSolver, model, 2, 1)
			if want == nil {
				want = got
			}
			wantEqual(t, got, want)
		}
	})
}
