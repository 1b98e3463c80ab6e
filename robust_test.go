package l4_test

import (
	"fmt"
	"math"
	"runtime"
	"sync"
	"testing"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
)

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

// TestSkipNonFinite: so many bad steps in a row are skipped, the next is an error, and a good one
// starts the count anew.
func TestSkipNonFinite(t *testing.T) {
	everySolver(t, func(t *testing.T, newSolver newSolver, dt tensor.Dtype) {
		loss, model := newBowl(), []*param{newParam("w", dt, []int{4}, ramp(4, 1))}
		s := newSolver(loss, l4.WithSkipNonFinite(2))
		bad := func() error {
			loss.eval(model, 1)
			before := weightsOf(model)
			model[0].setGrad([]float64{1, math.Inf(1), 2, 3})
			err := s.Step(valueGrads(model))
			wantEqual(t, weightsOf(model), before)
			wantEqual(t, numbers(model[0].g), []float64{0, 0, 0, 0})
			return err
		}
		for round := range 3 {
			for i := range 2 {
				if err := bad(); err != nil {
					t.Errorf("round %d: bad step %d: %v", round, i, err)
				}
			}
			for range 2 {
				if err := bad(); !errors.Is(err, l4.ErrNonFinite) {
					t.Errorf("round %d: third bad step in a row: %v", round, err)
				}
			}
			stepTimes(t, s, loss, model, 1)
			if got, want := s.Last(), (round+1)*2; got.Skipped != want || got.Step != round+1 {
				t.Errorf("round %d: %+v, want %d skipped", round, got, want)
			}
		}
		if err := newSolver(loss, l4.WithSkipNonFinite(-1)).Step(valueGrads(model)); err == nil {
			t.Error("WithSkipNonFinite(-1) is no error")
		}
	})
}

// TestSkippingDoesNotAllocate: whatever is not finite.
func TestSkippingDoesNotAllocate(t *testing.T) {
	for name, spoil := range map[string]func(loss bowl, p *param){
		"loss":     func(loss bowl, _ *param) { *loss.F64 = gorgonia.F64(math.NaN()) },
		"gradient": func(_ bowl, p *param) { p.setGrad([]float64{1, math.Inf(1), 1}) },
		"norm":     func(_ bowl, p *param) { p.setGrad([]float64{1e200, 1, 1}) },
		"penalty":  func(_ bowl, p *param) { p.setWeight([]float64{1e200, 1, 1}) },
	} {
		loss, p := newBowl(), newParam("w", tensor.Float64, []int{3}, ramp(3, 1))
		s, model := l4.NewL4Adam(
			loss,
			l4.WithSkipNonFinite(1<<30),
			l4.WithClipNorm(1),
			l4.WithL2Reg(1),
		), valueGrads(
			[]*param{p},
		)
		stepTimes(t, s, loss, []*param{p}, 1)
		step := func() {
			spoil(loss, p)
			if err := s.Step(model); err != nil {
				t.Fatal(err)
			}
		}
		step()
		skipped := s.Last().Skipped
		spoiling := testing.AllocsPerRun(20, func() { spoil(loss, p) })
		if allocs := testing.AllocsPerRun(20, step) - spoiling; allocs != 0 {
			t.Errorf("%s: %v allocations a step", name, allocs)
		}
		if s.Last().Skipped <= skipped {
			t.Errorf("%s: no step was skipped", name)
		}
	}
}

// TestErrorsLast: an error is not overwritten by that of a later step.
func TestErrorsLast(t *testing.T) {
	loss, p := newBowl(), newParam("w", tensor.Float64, []int{3}, ramp(3, 1))
	s := l4.NewL4Adam(loss)
	p.setGrad([]float64{1, math.NaN(), 1})
	*loss.F64 = 1
	first := s.Step(valueGrads([]*param{p}))
	text := first.Error()
	*loss.F64 = gorgonia.F64(math.Inf(1))
	if second := s.Step(valueGrads([]*param{p})); second.Error() == text || first.Error() != text {
		t.Errorf("errors %q and %q, the first was %q", first, second, text)
	}
}

// TestTwoSolversAtOnce: solvers in goroutines of their own, large enough to call helpers, do not
// disturb each other.
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

// TestSideBySideMachines: one solver steps a model whose gradients come from machines that run side
// by side.
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

// named is a parameter under another name.
type named struct {
	gorgonia.ValueGrad
	name string
}

func (n named) Name() string { return n.name }

// TestHeapDoesNotGrow: not in 100,000 steps, also where every step is skipped or refused.
func TestHeapDoesNotGrow(t *testing.T) {
	model := []*param{
		newParam("w", tensor.Float32, []int{4, 5}, ramp(20, 1)),
		{name: "s", w: newScalar(tensor.Float64), g: newScalar(tensor.Float64)},
	}
	vs := valueGrads(model)
	loss := gorgonia.NewF64(1)
	s := l4.NewL4Adam(valuer{loss}, l4.WithSkipNonFinite(math.MaxInt))
	steps := func(n int) {
		for i := range n {
			model[0].g.(*tensor.Dense).Float32s()[3] = float32(i%7 - 3)
			*loss = gorgonia.F64(1 + i%5)
			if i%10 == 9 {
				*loss = gorgonia.F64(math.Inf(1))
			}
			if err := s.Step(vs); err != nil {
				t.Fatal(err)
			}
		}
	}
	live := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	steps(1000)
	before := live()
	steps(100_000)
	if after := live(); after > before+64<<10 {
		t.Errorf("the heap grew from %d to %d bytes", before, after)
	}
	if info := s.Last(); info.Step+info.Skipped != 101_000 {
		t.Errorf("Last: %+v", info)
	}
}

// TestAveragesReachZero: where gradients stay zero the averages do not end as denormal numbers,
// which never go away and are slow.
func TestAveragesReachZero(t *testing.T) {
	for name, newSolver := range solvers {
		t.Run(name, func(t *testing.T) {
			p := newParam("w", tensor.Float32, []int{3}, ramp(3, 1))
			p.setGrad([]float64{1, -2, 3})
			s := newSolver(valuer{gorgonia.NewF64(1)})
			for range 1500 {
				if err := s.Step([]gorgonia.ValueGrad{p}); err != nil {
					t.Fatal(err)
				}
			}
			if dot := s.Last().InnerProduct; dot != 0 {
				t.Errorf("inner product %v", dot)
			}
		})
	}
}

// TestInfiniteDirection: a direction that overflows makes no step.
func TestInfiniteDirection(t *testing.T) {
	p := newParam("w", tensor.Float32, []int{2}, []float64{1, 2})
	s := l4.NewL4Adam(valuer{gorgonia.NewF64(1)}, l4.WithVarianceTime(1), l4.WithAdamEpsilon(0))
	for _, g := range []float64{1e19, 1e-22} {
		before := numbers(p.w)
		p.setGrad([]float64{g, g})
		if err := s.Step([]gorgonia.ValueGrad{p}); err != nil {
			t.Fatal(err)
		}
		if g < 1 {
			if s.Last().LearnRate != 0 {
				t.Fatalf("the direction is finite: %+v", s.Last())
			}
			wantEqual(t, numbers(p.w), before)
		}
		wantEqual(t, numbers(p.g), []float64{0, 0})
	}
}

// TestStateSize: two words a parameter for L4Adam, one for L4Mom.
func TestStateSize(t *testing.T) {
	const n = 1 << 20
	for name, words := range map[string]uint64{"L4Adam": 2, "L4Mom": 1} {
		model := valueGrads([]*param{newParam("w", tensor.Float32, []int{n}, make([]float64, n))})
		s := solvers[name](valuer{gorgonia.NewF64(1)})
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if err := s.Step(model); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		if got, want := after.TotalAlloc-before.TotalAlloc, words*n*4; got > want+want/50 {
			t.Errorf(
				"%s: %d bytes of state for %d parameters of 4 bytes, want %d",
				name,
				got,
				n,
				want,
			)
		}
	}
}
