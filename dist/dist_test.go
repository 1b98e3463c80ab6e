package dist_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
	"github.com/l4-go/l4/dist"
)

type value struct{ v gorgonia.Value }

func (v value) Value() gorgonia.Value { return v.v }

// param is a weight with its gradient.
type param struct {
	name string
	w, g gorgonia.Value
}

func (p *param) Name() string                  { return p.name }
func (p *param) Value() gorgonia.Value         { return p.w }
func (p *param) Grad() (gorgonia.Value, error) { return p.g, nil }

// toy is a quadratic around a point that each batch shifts. It has a column-major float32 matrix, a
// float64 vector that no number of ranks divides, and a scalar.
type toy struct {
	matrix, vector, scalar *param
	loss                   gorgonia.F32
}

func newToy(start float64) *toy {
	colMajor := func() *tensor.Dense {
		return tensor.NewDense(tensor.Float32, tensor.Shape{3, 4}, tensor.AsFortran(nil))
	}
	vector := func() *tensor.Dense { return tensor.New(tensor.WithShape(7), tensor.Of(tensor.Float64)) }
	t := &toy{
		matrix: &param{"matrix", colMajor(), colMajor()},
		vector: &param{"vector", vector(), vector()},
		scalar: &param{"scalar", gorgonia.NewF64(start), gorgonia.NewF64(0)},
	}
	for i, w := range t.matrix.w.Data().([]float32) {
		t.matrix.w.Data().([]float32)[i] = w + float32(start)
	}
	for i := range t.vector.w.Data().([]float64) {
		t.vector.w.Data().([]float64)[i] = start
	}
	return t
}

func (t *toy) model() []gorgonia.ValueGrad {
	return []gorgonia.ValueGrad{t.matrix, t.vector, t.scalar}
}

// run evaluates a batch.
func (t *toy) run(batch int) gorgonia.Valuer {
	sum := 0.0
	slope := func(i int, w float64) float64 {
		d := w - math.Sin(float64(i*7+batch))/3
		sum += d * d
		return 2 * d
	}
	m, v := t.matrix.w.Data().([]float32), t.vector.w.Data().([]float64)
	for i, w := range m {
		t.matrix.g.Data().([]float32)[i] += float32(slope(i, float64(w)))
	}
	for i, w := range v {
		t.vector.g.Data().([]float64)[i] += slope(100+i, w)
	}
	*t.scalar.g.(*gorgonia.F64) += gorgonia.F64(slope(200, float64(*t.scalar.w.(*gorgonia.F64))))
	t.loss = gorgonia.F32(sum)
	return value{&t.loss}
}

// numbers returns all weights.
func (t *toy) numbers() []float64 {
	xs := slices.Clone(t.vector.w.Data().([]float64))
	for _, w := range t.matrix.w.Data().([]float32) {
		xs = append(xs, float64(w))
	}
	return append(xs, float64(*t.scalar.w.(*gorgonia.F64)))
}

// each runs a function on each of some ranks and returns its errors, or else those of Finalize.
func each(t *testing.T, ranks int, f func(w *dist.World) error) []error {
	t.Helper()
	errs := make([]error, ranks)
	var running sync.WaitGroup
	for r, e := range dist.Local(ranks) {
		running.Add(1)
		go func() {
			defer running.Done()
			w, err := dist.New(e)
			if err != nil {
				errs[r] = err
				return
			}
			w.Timeout = 20 * time.Second // rather an error than a test that hangs
			errs[r] = f(w)
			if err := w.Finalize(); errs[r] == nil {
				errs[r] = err
			}
		}()
	}
	running.Wait()
	return errs
}

// wantOK fails if a rank has an error.
func wantOK(t *testing.T, errs []error) {
	t.Helper()
	for r, err := range errs {
		if err != nil {
			t.Errorf("rank %d: %v", r, err)
		}
	}
}

const steps = 200

// alone trains on all batches of each step in one process.
func alone(t *testing.T, perStep int, solver func(gorgonia.Valuer) gorgonia.Solver) []float64 {
	t.Helper()
	toy, batches := newToy(1), new(l4.Batches)
	s := solver(batches)
	for step := range steps {
		for i := range perStep {
			if err := batches.Add(toy.run(step*perStep+i), toy.model()); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Step(batches.Model()); err != nil {
			t.Fatal(err)
		}
	}
	return toy.numbers()
}

var solvers = map[string]func(gorgonia.Valuer) gorgonia.Solver{
	"L4Adam": func(loss gorgonia.Valuer) gorgonia.Solver { return l4.NewL4Adam(loss) },
	"L4Mom":  func(loss gorgonia.Valuer) gorgonia.Solver { return l4.NewL4Mom(loss) },
}

// TestSameAsBatches: some ranks with a batch each make the steps of one process with all batches.
func TestSameAsBatches(t *testing.T) {
	for name, solver := range solvers {
		for _, ranks := range []int{1, 2, 3, 4} {
			want := alone(t, ranks, solver)
			got := make([][]float64, ranks)
			wantOK(t, each(t, ranks, func(w *dist.World) error {
				toy := newToy(float64(1 + w.Rank())) // Start makes up for it
				batches := dist.NewBatches(w)
				s := solver(batches)
				if err := w.Start(s.(dist.State), toy.model()); err != nil {
					return err
				}
				for step := range steps {
					loss := toy.run(step*ranks + w.Rank())
					if err := batches.Add(loss, toy.model()); err != nil {
						return err
					}
					if err := s.Step(batches.Model()); err != nil {
						return err
					}
				}
				got[w.Rank()] = toy.numbers()
				return nil
			}))
			for r := range got {
				if !slices.Equal(got[r], want) {
					t.Errorf("%s: rank %d of %d has other weights than one process", name, r, ranks)
				}
			}
		}
	}
}

// TestUneven: ranks add different numbers of batches, and the mean is over all. Loss and gradients
// are whole numbers, so that any order of addition gives the same sum.
func TestUneven(t *testing.T) {
	counts := []int{3, 1, 2}
	wantOK(t, each(t, len(counts), func(w *dist.World) error {
		p := &param{"w", gorgonia.NewF64(0), gorgonia.NewF64(0)}
		batches := dist.NewBatches(w)
		for step := range 3 {
			n := counts[(w.Rank()+step)%len(counts)]
			if step == 2 && w.Rank() == 1 {
				n = 0
			}
			for range n {
				*p.g.(*gorgonia.F64) = gorgonia.F64(10 * (w.Rank() + 1))
				loss := value{gorgonia.NewF64(float64(w.Rank() + 1))}
				if err := batches.Add(loss, []gorgonia.ValueGrad{p}); err != nil {
					return err
				}
			}
			model := batches.Model()
			if err := batches.Err(); err != nil {
				return err
			}
			sum, total := 0.0, 0.0
			for r := range counts {
				n := float64(counts[(r+step)%len(counts)])
				if step == 2 && r == 1 {
					n = 0
				}
				sum, total = sum+n*float64(r+1), total+n
			}
			g, err := model[0].Grad()
			if err != nil {
				return err
			}
			if got := float64(*g.(*gorgonia.F64)); got != 10*sum/total {
				t.Errorf("step %d: mean gradient %v, want %v", step, got, 10*sum/total)
			}
			if got := batches.Value().Data(); got != sum/total {
				t.Errorf("step %d: mean loss %v, want %v", step, got, sum/total)
			}
		}
		return nil
	}))
}

// TestFaults: what goes wrong on one rank is an error on all.
func TestFaults(t *testing.T) {
	const last = 2
	for name, c := range map[string]struct {
		want  error
		text  string
		fault func(w *dist.World, toy *toy, step int) (leave bool)
	}{
		"left": {dist.ErrLeft, "rank 2 is at Finalize", func(_ *dist.World, _ *toy, step int) bool {
			return step == 5
		}},
		"diverged": {dist.ErrDiverged, "rank 2", func(_ *dist.World, toy *toy, step int) bool {
			if step == 5 {
				toy.matrix.w.Data().([]float32)[3] += 1e-6
			}
			return false
		}},
		"NaN": {l4.ErrNonFinite, "gradient of vector", func(_ *dist.World, toy *toy, step int) bool {
			if step == 3 {
				toy.vector.g.Data().([]float64)[1] = math.NaN()
			}
			return false
		}},
		"other call": {dist.ErrMismatch, "rank 2 is at Agree", func(w *dist.World, _ *toy, step int) bool {
			if step == 4 {
				w.Agree(nil)
			}
			return false
		}},
	} {
		t.Run(name, func(t *testing.T) {
			for r, err := range each(t, last+1, func(w *dist.World) error {
				toy, batches := newToy(1), dist.NewBatches(w)
				batches.CheckEvery = 1
				solver := l4.NewL4Adam(batches)
				for step := range 10 {
					loss := toy.run(step)
					if w.Rank() == last && c.fault(w, toy, step) {
						return nil
					}
					if err := batches.Add(loss, toy.model()); err != nil {
						return err
					}
					if err := solver.Step(batches.Model()); err != nil {
						return err
					}
				}
				return nil
			}) {
				if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
					t.Errorf("rank %d: error %v, want %v with %q", r, err, c.want, c.text)
				}
			}
		})
	}
}

// TestGoOnAfterNaN: all ranks refuse the step and go on with the same weights.
func TestGoOnAfterNaN(t *testing.T) {
	var got [3][]float64
	wantOK(t, each(t, 3, func(w *dist.World) error {
		toy, batches := newToy(1), dist.NewBatches(w)
		batches.CheckEvery = 1
		solver := l4.NewL4Adam(batches)
		for step := range 20 {
			loss := toy.run(step)
			if step == 7 && w.Rank() == 1 {
				toy.loss = gorgonia.F32(math.NaN())
			}
			if err := batches.Add(loss, toy.model()); err != nil {
				return err
			}
			err := solver.Step(batches.Model())
			if errors.Is(err, l4.ErrNonFinite) != (step == 7) || err != nil && step != 7 {
				t.Errorf("rank %d, step %d: error %v", w.Rank(), step, err)
			}
		}
		got[w.Rank()] = toy.numbers()
		return nil
	}))
	if !slices.Equal(got[0], got[1]) || !slices.Equal(got[0], got[2]) {
		t.Error("the weights differ")
	}
}

// TestStartRefuses: models or options that differ, and a solver on some ranks only.
func TestStartRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		mismatch bool
		text     string
		change   func(toy *toy) (dist.State, []gorgonia.ValueGrad)
	}{
		"name": {true, "names", func(toy *toy) (dist.State, []gorgonia.ValueGrad) {
			toy.vector.name = "other"
			return l4.NewL4Adam(nil), toy.model()
		}},
		"shape": {true, "shapes", func(toy *toy) (dist.State, []gorgonia.ValueGrad) {
			toy.vector.w = tensor.New(tensor.WithShape(8), tensor.Of(tensor.Float64))
			return l4.NewL4Adam(nil), toy.model()
		}},
		"number": {true, "model", func(toy *toy) (dist.State, []gorgonia.ValueGrad) {
			return l4.NewL4Adam(nil), toy.model()[:2]
		}},
		"no solver": {true, "the other none", func(toy *toy) (dist.State, []gorgonia.ValueGrad) {
			return nil, toy.model()
		}},
		"options": {false, "WithFraction(0.15)", func(toy *toy) (dist.State, []gorgonia.ValueGrad) {
			return l4.NewL4Adam(nil, l4.WithFraction(0.2)), toy.model()
		}},
		"kind": {false, "L4Mom", func(toy *toy) (dist.State, []gorgonia.ValueGrad) {
			return l4.NewL4Mom(nil), toy.model()
		}},
	} {
		for r, err := range each(t, 3, func(w *dist.World) error {
			toy := newToy(1)
			if w.Rank() == 1 {
				return w.Start(c.change(toy))
			}
			return w.Start(l4.NewL4Adam(nil), toy.model())
		}) {
			if err == nil || errors.Is(err, dist.ErrMismatch) != c.mismatch ||
				!strings.Contains(err.Error(), c.text) {
				t.Errorf("%s: rank %d: error %v, want %q", name, r, err, c.text)
			}
		}
	}
}

// TestStop: all ranks stop at the step after one has asked for it.
func TestStop(t *testing.T) {
	var stopped [3]int
	wantOK(t, each(t, 3, func(w *dist.World) error {
		toy, batches := newToy(1), dist.NewBatches(w)
		solver := l4.NewL4Adam(batches)
		for step := 0; !w.Stopped(); step++ {
			if step == 5 && w.Rank() == 2 {
				w.Stop()
			}
			if err := batches.Add(toy.run(step), toy.model()); err != nil {
				return err
			}
			if err := solver.Step(batches.Model()); err != nil {
				return err
			}
			stopped[w.Rank()] = step
		}
		return nil
	}))
	if stopped != [3]int{5, 5, 5} {
		t.Errorf("the last steps are %v, want 5", stopped)
	}
}

// TestAgreeAndBroadcast: an error of one rank reaches all, and the World goes on.
func TestAgreeAndBroadcast(t *testing.T) {
	fault := errors.New("the disk is full")
	long := slices.Repeat([]byte("abc"), 11<<20) // more than is sent at once
	wantOK(t, each(t, 2, func(w *dist.World) error {
		var mine, sent error
		if w.Rank() == 1 {
			sent = fault
		}
		mine = w.Agree(sent)
		if w.Rank() == 1 && mine != fault {
			t.Errorf("rank 1: %v, want its own error", mine)
		}
		if w.Rank() == 0 && (mine == nil || mine.Error() != "dist: rank 1 failed: the disk is full") {
			t.Errorf("rank 0: %v", mine)
		}
		var b []byte
		if w.Rank() == 0 {
			b = long
		}
		b, err := w.Broadcast(b)
		if !slices.Equal(b, long) {
			t.Errorf("rank %d has received %d bytes, want %d", w.Rank(), len(b), len(long))
		}
		return err
	}))
}

// TestTimeout: a rank that never comes ends the job.
func TestTimeout(t *testing.T) {
	w, err := dist.New(dist.Local(2)[0])
	if err != nil {
		t.Fatal(err)
	}
	w.Warn, w.Timeout = time.Millisecond, 10*time.Millisecond
	if err := w.Agree(nil); err == nil || !strings.Contains(err.Error(), "aborted") {
		t.Errorf("error %v", err)
	}
}

// TestNoBatch: a step without any batch is an error on all ranks.
func TestNoBatch(t *testing.T) {
	for r, err := range each(t, 2, func(w *dist.World) error {
		batches := dist.NewBatches(w)
		batches.Model()
		return batches.Err()
	}) {
		if err == nil || !strings.Contains(err.Error(), "call Add before Model") {
			t.Errorf("rank %d: error %v", r, err)
		}
	}
}
