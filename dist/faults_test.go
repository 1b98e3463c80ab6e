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
