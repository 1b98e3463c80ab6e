package l4_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
)

// TestPoisonedBatch trains in a tape machine with a batch of NaN in the middle, and ends where the training
// without that batch ends.
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

// TestSkipNonFinite: so many bad steps in a row are skipped, the next is an error, and a good one starts the
// count anew.
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

// TestTwoSolversAtOnce: solvers in goroutines of their own, large enough to call helpers, do not disturb each
// other.
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

// TestSideBySideMachines: one solver steps a model whose gradients come from machines that run side by side.
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
			halves[i] = half{loss, weights, tape(t, g, loss, weights, gorgonia.BindDualValues(weights...))}
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
	model := []*param{newParam("w", tensor.Float32, []int{4, 5}, ramp(20, 1)), {name: "s", w: newScalar(tensor.Float64), g: newScalar(tensor.Float64)}}
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

// TestAveragesReachZero: where gradients stay zero the averages do not end as denormal numbers, which never go
// away and are slow.
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
			t.Errorf("%s: %d bytes of state for %d parameters of 4 bytes, want %d", name, got, n, want)
		}
	}
}

// FuzzStep builds models, sound and broken ones, and steps them again and again. Nothing panics, a refused
// step changes no weight, and no step makes a weight NaN.
func FuzzStep(f *testing.F) {
	for seed := range uint64(40) {
		f.Add(seed, uint8(seed%4))
	}
	f.Fuzz(func(t *testing.T, seed uint64, faults uint8) {
		r := rand.New(rand.NewPCG(seed, 1))
		pick := func(vs ...gorgonia.Value) gorgonia.Value { return vs[r.IntN(len(vs))] }
		shape := func() []int {
			s := make([]int, r.IntN(5))
			for i := range s {
				s[i] = 1 + r.IntN(4)
			}
			return s
		}
		value := func() gorgonia.Value {
			dt := dtypes[r.IntN(2)]
			if r.IntN(5) == 0 {
				return newScalar(dt)
			}
			s := shape()
			d := tensor.New(tensor.WithShape(s...), tensor.Of(dt))
			if len(s) > 1 && r.IntN(3) == 0 {
				d.T()
			}
			if len(s) > 1 && r.IntN(4) == 0 {
				if v, err := d.Slice(nil, tensor.S(r.IntN(d.Shape()[1]))); err == nil {
					d = v.(*tensor.Dense)
				}
			}
			return d
		}
		broken := func() gorgonia.Value {
			return pick(nil, (*tensor.Dense)(nil), (*gorgonia.F64)(nil), gorgonia.NewI(3), gorgonia.NewB(true),
				tensor.New(tensor.WithShape(2), tensor.Of(tensor.Int)), tensor.New(tensor.WithShape(2, 2), tensor.Of(tensor.Complex128)),
				tensor.New(tensor.WithShape(0), tensor.WithBacking([]float64{})))
		}
		var model []*param
		for i := range r.IntN(5) {
			w := value()
			model = append(model, &param{name: fmt.Sprint("w", i), w: w, g: cloneOf(w)})
		}
		damage := func() {
			if len(model) == 0 {
				return
			}
			p := model[r.IntN(len(model))]
			switch r.IntN(7) {
			case 0:
				p.w = broken()
			case 1:
				p.g = broken()
			case 2:
				p.err = errors.New("as told")
			case 3:
				p.g = p.w
			case 4:
				p.w = model[0].w
			case 5:
				p.w = value()
			case 6:
				model = append(model, &param{w: value(), g: value()})
			}
		}
		loss := gorgonia.NewF64(1)
		var opts []l4.Option
		if r.IntN(3) == 0 {
			opts = append(opts, l4.WithGradientTime(2), l4.WithEpsilon(0))
		}
		s := solvers[[]string{"L4Adam", "L4Mom"}[r.IntN(2)]](valuer{loss}, opts...)
		for range 6 {
			if r.IntN(4) < int(faults%4) {
				damage()
			}
			for _, p := range model {
				if !isBroken(p.g) && p.g != p.w {
					eachNumber(p.g, func(x *float64) { *x = wild(r) })
				}
			}
			*loss = gorgonia.F64(math.Abs(wild(r)))
			var before []float64
			for _, p := range model {
				if !isBroken(p.w) {
					before = append(before, numbers(p.w)...)
				}
			}
			err := s.Step(valueGrads(model))
			var after []float64
			for _, p := range model {
				if !isBroken(p.w) {
					after = append(after, numbers(p.w)...)
				}
			}
			if err == nil {
				for _, p := range model {
					for _, x := range numbers(p.g) {
						if x != 0 {
							t.Fatalf("the step went well, yet %s has the gradient %v", p.name, numbers(p.g))
						}
					}
				}
			}
			for i := range after {
				if err != nil && after[i] != before[i] && !math.IsNaN(before[i]) {
					t.Fatalf("refused (%v), yet weight %d went from %v to %v", err, i, before[i], after[i])
				}
				if math.IsNaN(after[i]) && !math.IsNaN(before[i]) && !math.IsInf(before[i], 0) {
					t.Fatalf("weight %d went from %v to NaN", i, before[i])
				}
			}
		}
	})
}

// cloneOf is a value like v in memory of its own.
func cloneOf(v gorgonia.Value) gorgonia.Value {
	c, err := gorgonia.CloneValue(v)
	if err != nil {
		panic(err)
	}
	return c
}

func isBroken(v gorgonia.Value) bool {
	switch v := v.(type) {
	case *gorgonia.F32:
		return v == nil
	case *gorgonia.F64:
		return v == nil
	case *tensor.Dense:
		return v == nil || v.Dtype() != tensor.Float32 && v.Dtype() != tensor.Float64
	}
	return true
}

// wild is a number of any kind, mostly harmless.
func wild(r *rand.Rand) float64 {
	switch r.IntN(12) {
	case 0:
		return 0
	case 1:
		return r.NormFloat64() * 1e-300
	case 2:
		return r.NormFloat64() * 1e15
	case 3:
		if r.IntN(5) == 0 {
			return []float64{math.NaN(), math.Inf(1), math.Inf(-1), 1e200}[r.IntN(4)]
		}
	}
	return r.NormFloat64()
}
