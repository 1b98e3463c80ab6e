package l4_test

import (
	"math"
	"runtime"
	"testing"
	"weak"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
)

// TestNoAllocation: a step does not allocate memory after the first step.
func TestNoAllocation(t *testing.T) {
	everySolver(t, func(t *testing.T, newSolver newSolver, dt tensor.Dtype) {
		for _, n := range []int{3, 100_000} {
			model := valueGrads([]*param{
				newParam("a", dt, []int{n, 2}, ramp(2*n, 1)),
				{name: "b", w: newScalar(dt), g: newScalar(dt)},
			})
			s := newSolver(
				valuer{gorgonia.NewF64(1)},
				l4.WithClip(1),
				l4.WithL2Reg(1e-3),
				l4.WithWeightDecay(1e-3),
			)
			if n == 3 {
				s = newSolver(valuer{gorgonia.NewF64(1)})
			}
			if err := s.Step(model); err != nil {
				t.Fatal(err)
			}
			if allocs := testing.AllocsPerRun(20, func() {
				if err := s.Step(model); err != nil {
					t.Fatal(err)
				}
			}); allocs != 0 {
				t.Errorf("%d elements: %v allocations a step", 2*n, allocs)
			}
		}
	})
}

// TestNoAllocationOnAllCores: a step on all cores allocates only what the runtime allocates to
// start goroutines.
func TestNoAllocationOnAllCores(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	p := newParam("w", tensor.Float32, []int{1 << 20}, make([]float64, 1<<20))
	model, s := []gorgonia.ValueGrad{p}, l4.NewL4Adam(valuer{gorgonia.NewF64(1)})
	const steps = 20
	fewest := uint64(math.MaxUint64)
	for range 10 { // the runtime allocates on its own account now and then
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range steps {
			if err := s.Step(model); err != nil {
				t.Fatal(err)
			}
		}
		runtime.ReadMemStats(&after)
		fewest = min(fewest, after.Mallocs-before.Mallocs)
	}
	if fewest >= steps {
		t.Errorf("at the least %d allocations in %d steps", fewest, steps)
	}
}

// TestStateSize: a solver allocates two numbers per weight for L4Adam, one for L4Mom, and one more
// with the bound.
func TestStateSize(t *testing.T) {
	const n = 1 << 20
	for name, words := range map[string]uint64{"L4Adam": 2, "L4Mom": 1} {
		for _, bounded := range []bool{true, false} {
			opts, words := []l4.Option(nil), words+1
			if !bounded {
				opts, words = []l4.Option{l4.WithoutBound()}, words-1
			}
			p := newParam("w", tensor.Float32, []int{n}, make([]float64, n))
			p.setGrad(ramp(n, 1))
			s, model := solvers[name](valuer{gorgonia.NewF64(1)}, opts...), valueGrads([]*param{p})
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			if err := s.Step(model); err != nil {
				t.Fatal(err)
			}
			runtime.ReadMemStats(&after)
			got, want := after.TotalAlloc-before.TotalAlloc, words*n*4
			if got > want+want/50 {
				t.Errorf("%s, bounded %v: %d bytes of state for %d parameters of 4 bytes, want %d",
					name, bounded, got, n, want)
			}
		}
	}
}

// TestHeapDoesNotGrow: 100,000 steps do not grow the heap, also if every step is skipped or
// rejected.
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

// TestGraphsAreLetGo: the garbage collector can free the graphs that a solver no longer uses.
func TestGraphsAreLetGo(t *testing.T) {
	weights := fitWeights(tensor.Float64)
	s := l4.NewL4Adam(nil)
	const graphs = 200
	var refs []weak.Pointer[gorgonia.ExprGraph]
	for range graphs {
		func() {
			g := gorgonia.NewGraph()
			loss := gorgonia.NewScalar(
				g,
				tensor.Float64,
				gorgonia.WithName("loss"),
				gorgonia.WithValue(1.0),
			)
			refs = append(refs, weak.Make(g))
			w := &param{
				name: "w",
				w:    weights[0],
				g:    tensor.New(tensor.WithShape(3, 4), tensor.Of(tensor.Float64)),
			}
			s.SetLoss(loss)
			if err := s.Step([]gorgonia.ValueGrad{w}); err != nil {
				t.Fatal(err)
			}
		}()
	}
	runtime.GC()
	alive := 0
	for _, r := range refs {
		if r.Value() != nil {
			alive++
		}
	}
	if alive > graphs/2 {
		t.Errorf("%d of %d graphs are still in memory", alive, graphs)
	}
	runtime.KeepAlive(s)
}
