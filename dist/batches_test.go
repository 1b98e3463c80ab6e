package dist_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"gorgonia.org/gorgonia"

	"github.com/l4-go/l4"
	"github.com/l4-go/l4/dist"
)

const steps = 200

// inOneProcess trains with an l4.Batches, which gets all batches of each step.
func inOneProcess(
	t *testing.T, perStep int, solver func(gorgonia.Valuer) gorgonia.Solver,
) []float64 {
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

// TestSameAsBatches checks that n ranks with one batch each make the same steps as one process with
// n batches.
func TestSameAsBatches(t *testing.T) {
	for name, solver := range solvers {
		for _, ranks := range []int{1, 2, 3, 4} {
			want := inOneProcess(t, ranks, solver)
			got := make([][]float64, ranks)
			wantOK(t, each(t, ranks, func(w *dist.World) error {
				toy := newToy(float64(1 + w.Rank())) // Start makes them equal
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
					t.Errorf("%s: the weights of rank %d of %d differ from one process's weights",
						name, r, ranks)
				}
			}
		}
	}
}

// TestUneven checks the means if the ranks add different numbers of batches, including 0. Losses
// and gradients are integers, so that every order of addition gives the same sum.
func TestUneven(t *testing.T) {
	counts := [][]int{{3, 1, 2}, {1, 2, 3}, {2, 0, 1}, {0, 0, 1}}
	wantOK(t, each(t, 3, func(w *dist.World) error {
		narrow := &param{"narrow", gorgonia.NewF32(0), gorgonia.NewF32(0)}
		wide := &param{"wide", gorgonia.NewF64(0), gorgonia.NewF64(0)}
		batches := dist.NewBatches(w)
		for step, count := range counts {
			for range count[w.Rank()] {
				*narrow.g.(*gorgonia.F32) = gorgonia.F32(10 * (w.Rank() + 1))
				*wide.g.(*gorgonia.F64) = gorgonia.F64(100 * (w.Rank() + 1))
				loss := value{gorgonia.NewF64(float64(w.Rank() + 1))}
				if err := batches.Add(loss, []gorgonia.ValueGrad{narrow, wide}); err != nil {
					return err
				}
			}
			model := batches.Model()
			if err := batches.Err(); err != nil {
				return err
			}
			sum, n := 0, 0
			for r := range count {
				sum, n = sum+count[r]*(r+1), n+count[r]
			}
			mean := func(factor int) float64 { return float64(factor*sum) / float64(n) }
			if got := batches.Value().Data(); got != mean(1) {
				t.Errorf("step %d: mean loss %v, want %v", step, got, mean(1))
			}
			g32, err32 := model[0].Grad()
			g64, err64 := model[1].Grad()
			if err := errors.Join(err32, err64); err != nil {
				return err
			}
			if got := g32.Data(); got != float32(mean(10)) {
				t.Errorf("step %d: mean float32 gradient %v, want %v", step, got, mean(10))
			}
			if got := g64.Data(); got != mean(100) {
				t.Errorf("step %d: mean float64 gradient %v, want %v", step, got, mean(100))
			}
		}
		return nil
	}))
}

// TestValueDtype checks that the mean loss is a float32 on all ranks if a loss of any rank is one,
// and otherwise a float64.
func TestValueDtype(t *testing.T) {
	narrow, wide := gorgonia.NewF32(3), gorgonia.NewF64(3)
	steps := [][]gorgonia.Value{ // losses by rank, nil for no batch
		{wide, narrow}, {wide, wide}, {nil, narrow}, {wide, nil}, {narrow, wide}, {nil, wide},
	}
	wantOK(t, each(t, 2, func(w *dist.World) error {
		toy, batches := newToy(1), dist.NewBatches(w)
		for step, losses := range steps {
			if loss := losses[w.Rank()]; loss != nil {
				if err := batches.Add(value{loss}, toy.model()); err != nil {
					return err
				}
			}
			batches.Model()
			var want any = 3.0
			if slices.Contains(losses, gorgonia.Value(narrow)) {
				want = float32(3)
			}
			if got := batches.Value().Data(); got != want {
				t.Errorf("step %d: rank %d: mean loss %T, want %T", step, w.Rank(), got, want)
			}
		}
		return batches.Err()
	}))
}

// limited is an engine that returns an error if a call sends more than 16 MiB.
type limited struct{ dist.Engine }

func (l limited) AllToAll(in, out []byte) error {
	if len(in) > 16<<20 {
		return fmt.Errorf("one call sends %d bytes, want at most 16 MiB", len(in))
	}
	return l.Engine.AllToAll(in, out)
}

// TestLargeModel checks the means of more gradients than one call of the engine sends. Their number
// is not a multiple of the number of ranks.
func TestLargeModel(t *testing.T) {
	const ranks, size = 3, 4<<20 + 100
	var engines []dist.Engine
	for _, e := range dist.Local(ranks) {
		engines = append(engines, limited{e})
	}
	wantOK(t, eachOf(t, engines, func(w *dist.World) error {
		weight, grad := make([]float32, size), make([]float32, size)
		for i := range grad {
			grad[i] = float32(i%1000 + w.Rank())
		}
		p := newVector(weight, grad)
		batches := dist.NewBatches(w)
		if err := batches.Add(value{gorgonia.NewF64(1)}, []gorgonia.ValueGrad{p}); err != nil {
			return err
		}
		mean, err := batches.Model()[0].Grad()
		if err != nil {
			return err
		}
		for i, got := range mean.Data().([]float32) {
			if want := float32(i%1000 + 1); got != want {
				t.Errorf("rank %d: mean of gradient %d is %v, want %v", w.Rank(), i, got, want)
				break
			}
		}
		return nil
	}))
}

// TestStepWithoutBatch checks that a step to which no rank adds a batch is an error on all ranks,
// and that the ranks can continue.
func TestStepWithoutBatch(t *testing.T) {
	wantOK(t, each(t, 2, func(w *dist.World) error {
		tr := newTrainer(w, 1)
		for range 2 {
			if err := tr.step(0); err != nil {
				return err
			}
			err := tr.solver.Step(tr.batches.Model())
			const want = "no rank has added a batch"
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("rank %d: error %v, want %q", w.Rank(), err, want)
			}
		}
		return nil
	}))
}

// TestFirstStepWithoutBatch checks that Step of every solver returns the error of Model on all
// ranks if a rank has added no batch to the first step.
func TestFirstStepWithoutBatch(t *testing.T) {
	for name, solver := range map[string]func(gorgonia.Valuer) gorgonia.Solver{
		"L4Adam": solvers["L4Adam"],
		"L4": func(loss gorgonia.Valuer) gorgonia.Solver {
			return l4.New(loss, gorgonia.NewMomentum())
		},
		"Adam":    func(gorgonia.Valuer) gorgonia.Solver { return gorgonia.NewAdamSolver() },
		"Vanilla": func(gorgonia.Valuer) gorgonia.Solver { return gorgonia.NewVanillaSolver() },
	} {
		for adding := range 3 { // number of ranks that add a batch
			for r, err := range each(t, 2, func(w *dist.World) error {
				toy, batches := newToy(1), dist.NewBatches(w)
				if w.Rank() < adding {
					if err := batches.Add(toy.run(0), toy.model()); err != nil {
						return err
					}
				}
				err := solver(batches).Step(batches.Model())
				if want := batches.Err(); !errors.Is(err, want) {
					t.Errorf("%s: rank %d: error %v, want %v", name, w.Rank(), err, want)
				}
				return err
			}) {
				const want = "call Add before Model"
				if adding == 2 {
					if err != nil {
						t.Errorf("%s: rank %d: %v", name, r, err)
					}
				} else if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%s: rank %d: error %v, want %q", name, r, err, want)
				}
			}
		}
	}
}

// TestNoAllocation checks that a step allocates no memory on any rank after the first one.
func TestNoAllocation(t *testing.T) {
	const steps = 20
	for _, ranks := range []int{1, 2, 3} {
		var others sync.WaitGroup
		for _, engine := range dist.Local(ranks) {
			w, err := dist.New(engine)
			if err != nil {
				t.Fatal(err)
			}
			tr := newTrainer(w, 1)
			loss, model := tr.toy.run(0), tr.toy.model()
			step := func() {
				if err := tr.batches.Add(loss, model); err != nil {
					t.Error(err)
				}
				if err := tr.solver.Step(tr.batches.Model()); err != nil {
					t.Error(err)
				}
			}
			if w.Rank() < ranks-1 {
				others.Go(func() {
					for range steps + 2 {
						step()
					}
				})
				continue
			}
			step()
			if n := testing.AllocsPerRun(steps, step); n != 0 { // of all goroutines
				t.Errorf("%d ranks: %v allocations in a step, want 0", ranks, n)
			}
		}
		others.Wait()
	}
}
