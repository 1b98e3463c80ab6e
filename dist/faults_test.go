package dist_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
	"github.com/l4-go/l4/dist"
)

// TestFaults checks that a fault of one rank is an error on all ranks.
func TestFaults(t *testing.T) {
	const last = 2
	for name, c := range map[string]struct {
		want  error
		text  string
		fault func(w *dist.World, toy *toy, step int) (leave bool)
	}{
		"left": {dist.ErrLeft, "rank 2 called Finalize", func(_ *dist.World, _ *toy,
			step int) bool {
			return step == 5
		}},
		"diverged": {dist.ErrDiverged, "ranks 2 and 0", func(_ *dist.World, toy *toy,
			step int) bool {
			if step == 5 {
				toy.matrix.w.Data().([]float32)[3] += 1e-6
			}
			return false
		}},
		"NaN": {l4.ErrNonFinite, "gradient of vector", func(_ *dist.World, toy *toy,
			step int) bool {
			if step == 3 {
				toy.vector.g.Data().([]float64)[1] = math.NaN()
			}
			return false
		}},
		"other call": {dist.ErrMismatch, "rank 2 called Agree", func(w *dist.World, _ *toy,
			step int) bool {
			if step == 4 {
				w.Agree(nil)
			}
			return false
		}},
	} {
		t.Run(name, func(t *testing.T) {
			for r, err := range each(t, last+1, func(w *dist.World) error {
				tr := newTrainer(w, 1)
				for step := range 10 {
					if w.Rank() == last && c.fault(w, tr.toy, step) {
						return nil
					}
					if err := tr.step(step); err != nil {
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

// TestLeft checks that a rank that calls Finalize ends the World of all other ranks, also if
// another rank has a fault in the same call.
func TestLeft(t *testing.T) {
	cannotLoad := errors.New("cannot load")
	for name, c := range map[string]struct {
		text  string                                   // of the first error
		calls [2]func(w *dist.World, t *trainer) error // of the ranks that stay
	}{
		"step": {"called Finalize, but rank", [2]func(*dist.World, *trainer) error{step, step}},
		"failure": {"cannot load", [2]func(*dist.World, *trainer) error{
			func(w *dist.World, _ *trainer) error { return w.Agree(cannotLoad) }, agree,
		}},
		"divergence": {"called Finalize, but rank", [2]func(*dist.World, *trainer) error{
			step, func(w *dist.World, tr *trainer) error {
				tr.toy.matrix.w.Data().([]float32)[3] += 1e-6
				return step(w, tr)
			},
		}},
		"mismatch": {"called Finalize, but rank",
			[2]func(*dist.World, *trainer) error{step, agree}},
	} {
		for leaves := range 3 {
			each(t, 3, func(w *dist.World) error {
				place := (w.Rank() - leaves + 3) % 3
				if place == 0 {
					return nil
				}
				err := c.calls[place-1](w, newTrainer(w, 1))
				if err == nil || !strings.Contains(err.Error(), c.text) {
					t.Errorf("%s: rank %d: error %v, want %q", name, w.Rank(), err, c.text)
				}
				if err := w.Agree(nil); !errors.Is(err, dist.ErrLeft) {
					t.Errorf("%s: rank %d: the next call returns %v, want ErrLeft", name, w.Rank(),
						err)
				}
				return nil
			})
		}
	}
}

func step(_ *dist.World, tr *trainer) error { return tr.step(0) }
func agree(w *dist.World, _ *trainer) error { return w.Agree(nil) }

// TestMismatch checks that all ranks get ErrMismatch in the same call if one of them differs, and
// that they get it again from the next call.
func TestMismatch(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		call func(w *dist.World, odd bool) error
	}{
		"call, and weights": {"rank 1 called Agree", func(w *dist.World, odd bool) error {
			tr := newTrainer(w, float64(w.Rank()))
			if odd {
				return w.Agree(nil)
			}
			return tr.step(0)
		}},
		"Batches": {"rank 1 uses Batches number 2", func(w *dist.World, odd bool) error {
			if odd {
				dist.NewBatches(w)
			}
			return newTrainer(w, 1).step(0)
		}},
		"step": {"rank 1 makes step 1, but rank 0 makes step 2", func(w *dist.World,
			odd bool) error {
			tr := newTrainer(w, 1)
			if odd {
				w.Agree(errors.New("cannot load"))
			} else if err := tr.step(0); err == nil || errors.Is(err, dist.ErrMismatch) {
				t.Errorf("error %v, want the error of rank 1", err)
			}
			return tr.step(0)
		}},
		"CheckEvery": {"different values of CheckEvery", func(w *dist.World, odd bool) error {
			tr := newTrainer(w, 1)
			if odd {
				tr.batches.CheckEvery = 2
			}
			if err := tr.step(0); err != nil {
				t.Error(err)
			}
			return tr.step(1)
		}},
	} {
		wantOK(t, each(t, 3, func(w *dist.World) error {
			err := c.call(w, w.Rank() == 1)
			if !errors.Is(err, dist.ErrMismatch) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("%s: rank %d: error %v, want %q", name, w.Rank(), err, c.text)
			}
			if again := w.Agree(nil); !errors.Is(again, dist.ErrMismatch) {
				t.Errorf("%s: rank %d: the next call returns %v, want ErrMismatch", name, w.Rank(),
					again)
			}
			return nil // Finalize must return nil, too
		}))
	}
}

// TestContinueAfterNaN checks that all ranks reject a step with NaN on one rank, and that they
// continue with equal weights.
func TestContinueAfterNaN(t *testing.T) {
	var got [3][]float64
	wantOK(t, each(t, 3, func(w *dist.World) error {
		tr := newTrainer(w, 1)
		for step := range 20 {
			loss := tr.toy.run(step)
			if step == 7 && w.Rank() == 1 {
				tr.toy.loss = gorgonia.F32(math.NaN())
			}
			if err := tr.batches.Add(loss, tr.toy.model()); err != nil {
				return err
			}
			err := tr.solver.Step(tr.batches.Model())
			if errors.Is(err, l4.ErrNonFinite) != (step == 7) || err != nil && step != 7 {
				t.Errorf("rank %d, step %d: error %v, want ErrNonFinite in step 7 only", w.Rank(),
					step, err)
			}
		}
		got[w.Rank()] = tr.toy.numbers()
		return nil
	}))
	if !slices.Equal(got[0], got[1]) || !slices.Equal(got[0], got[2]) {
		t.Error("the weights of the ranks differ")
	}
}

// TestContinueAfterDivergence checks that ranks with different weights make no step before Start
// makes the weights equal, although they compare the weights only every 100 steps.
func TestContinueAfterDivergence(t *testing.T) {
	for _, forgets := range []bool{false, true} { // rank 1 has no batch in the first step
		got := make([][]float64, 2)
		wantOK(t, each(t, 2, func(w *dist.World) error {
			tr := newTrainer(w, float64(w.Rank()))
			tr.batches.CheckEvery = 100
			if forgets && w.Rank() == 1 {
				if err := tr.solver.Step(tr.batches.Model()); err == nil {
					t.Error("a first step without a batch returned no error")
				}
			} else if err := tr.step(0); err == nil || errors.Is(err, dist.ErrDiverged) == forgets {
				t.Errorf("rank %d, first step: error %v, want ErrDiverged: %v", w.Rank(), err,
					!forgets)
			}
			for step := range 2 {
				if err := tr.step(step); !errors.Is(err, dist.ErrDiverged) {
					t.Errorf("rank %d, before Start: error %v, want ErrDiverged", w.Rank(), err)
				}
			}
			if err := w.Start(tr.solver, tr.toy.model()); err != nil {
				return err
			}
			err := tr.step(3)
			got[w.Rank()] = tr.toy.numbers()
			return err
		}))
		if !slices.Equal(got[0], got[1]) {
			t.Error("the weights differ after Start")
		}
	}
}

// TestExchangedWeights checks that the checksums differ if two parts of the weights are exchanged,
// between two tensors or within one.
func TestExchangedWeights(t *testing.T) {
	const part = 8192 // elements of one checksum
	for name, sizes := range map[string][]int{"tensors": {part, part}, "one tensor": {2 * part}} {
		for r, err := range each(t, 2, func(w *dist.World) error {
			weights := make([]float32, 2*part)
			for i := range part {
				weights[part*w.Rank()+i] = 1
			}
			var model []gorgonia.ValueGrad
			for _, n := range sizes {
				model = append(model, newVector(weights[:n:n], make([]float32, n)))
				weights = weights[n:]
			}
			batches := dist.NewBatches(w)
			if err := batches.Add(value{gorgonia.NewF64(1)}, model); err != nil {
				return err
			}
			batches.Model()
			return batches.Err()
		}) {
			if !errors.Is(err, dist.ErrDiverged) {
				t.Errorf("parts of %s: rank %d: error %v, want ErrDiverged", name, r, err)
			}
		}
	}
}

// TestStartErrors checks that Start returns an error on all ranks if the models or the solvers
// differ, and if only some ranks pass a solver.
func TestStartErrors(t *testing.T) {
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
		"no solver": {true, "passed a solver", func(toy *toy) (dist.State, []gorgonia.ValueGrad) {
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

// TestStartNilSolver checks that a nil pointer to a solver, on any rank, is an error on all ranks.
func TestStartNilSolver(t *testing.T) {
	for nilRank := range 2 {
		for r, err := range each(t, 2, func(w *dist.World) error {
			solver := l4.NewL4Adam(nil)
			if w.Rank() == nilRank {
				solver = nil
			}
			return w.Start(solver, newToy(1).model())
		}) {
			if err == nil || !strings.Contains(err.Error(), "the solver is a nil *l4.L4Adam") {
				t.Errorf("nil on rank %d: rank %d: error %v, want one that names the type", nilRank,
					r, err)
			}
		}
	}
}

// TestStepOnOtherModel checks that a step on parameters that the last Model has not returned is an
// error, which says what to call, and that it leaves the weights as they are.
func TestStepOnOtherModel(t *testing.T) {
	w := dist.SingleProcess()
	tr, twin := newTrainer(w, 1), newTrainer(w, 1)
	add := func() {
		t.Helper()
		for _, b := range []*dist.Batches{tr.batches, twin.batches} {
			if err := b.Add(tr.toy.run(0), tr.toy.model()); err != nil {
				t.Fatal(err)
			}
		}
	}
	var earlier []gorgonia.ValueGrad
	for i, model := range []func() []gorgonia.ValueGrad{
		tr.toy.model,
		func() []gorgonia.ValueGrad { tr.batches.Model(); return tr.toy.model() },
		func() []gorgonia.ValueGrad {
			return append(slices.Clone(tr.batches.Model()[:2]), tr.toy.scalar)
		},
		func() []gorgonia.ValueGrad { return earlier },
		func() []gorgonia.ValueGrad { tr.batches.Model(); return twin.batches.Model() },
	} {
		add()
		before := tr.toy.numbers()
		err := tr.solver.Step(model())
		if err == nil || !strings.Contains(err.Error(), "call Step(batches.Model())") {
			t.Errorf("model %d: error %v, want one that says what to call", i, err)
		}
		if !slices.Equal(tr.toy.numbers(), before) {
			t.Errorf("model %d: the step has changed the weights", i)
		}
		earlier = tr.batches.Model()
	}
	add() // one solver for each part of the parameters is valid
	all := tr.batches.Model()
	for _, part := range [][]gorgonia.ValueGrad{all[:1], all[1:]} {
		if err := l4.NewL4Adam(tr.batches).Step(part); err != nil {
			t.Errorf("a part of the parameters: %v", err)
		}
	}
}
