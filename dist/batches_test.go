package dist_test

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"gorgonia.org/gorgonia"

	"github.com/l4-go/l4"
	"github.com/l4-go/l4/dist"
)

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

// TestFirstStepWithoutBatch checks that Step returns Model's error on all ranks, whatever the solver,
// when some of them have added nothing to the first step.
func TestFirstStepWithoutBatch(t *testing.T) {
	for name, solver := range map[string]func(gorgonia.Valuer) gorgonia.Solver{
		"L4Adam": solvers["L4Adam"],
		"L4": func(loss gorgonia.Valuer) gorgonia.Solver {
			return l4.New(loss, gorgonia.NewMomentum())
		},
		"Adam":    func(gorgonia.Valuer) gorgonia.Solver { return gorgonia.NewAdamSolver() },
		"Vanilla": func(gorgonia.Valuer) gorgonia.Solver { return gorgonia.NewVanillaSolver() },
	} {
		for adding := range 3 { // ranks
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
				if adding == 2 {
					if err != nil {
						t.Errorf("%s: rank %d: %v", name, r, err)
					}
				} else if err == nil || !strings.Contains(err.Error(), "call Add before Model") {
					t.Errorf("%s: rank %d: error %v", name, r, err)
				}
			}
		}
	}
}

// TestNoAllocation checks that no rank allocates in a step after the first.
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
			if n := testing.AllocsPerRun(steps, step); n != 0 { // counts those of all ranks
				t.Errorf("%d ranks: %v allocations a step", ranks, n)
			}
		}
		others.Wait()
	}
}
