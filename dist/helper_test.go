package dist_test

import (
	"math"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

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

func newVector(weight, grad []float32) *param {
	return &param{"w", tensor.New(tensor.WithBacking(weight)), tensor.New(tensor.WithBacking(grad))}
}

// toy is a model with a quadratic loss, whose minimum each batch shifts. It has a column-major
// float32 matrix, a float64 vector whose length is not a multiple of the number of ranks, and a
// scalar.
type toy struct {
	matrix, vector, scalar *param
	loss                   gorgonia.F32
}

func newToy(start float64) *toy {
	colMajor := func() *tensor.Dense {
		return tensor.NewDense(tensor.Float32, tensor.Shape{3, 4}, tensor.AsFortran(nil))
	}
	vector := func() *tensor.Dense {
		return tensor.New(tensor.WithShape(7), tensor.Of(tensor.Float64))
	}
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

// run adds the gradients of a batch to the model's, and returns its loss.
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

// trainer trains a toy on one rank. The ranks compare their weights in each step.
type trainer struct {
	toy     *toy
	batches *dist.Batches
	solver  *l4.L4Adam
}

func newTrainer(w *dist.World, start float64) *trainer {
	tr := &trainer{toy: newToy(start), batches: dist.NewBatches(w)}
	tr.batches.CheckEvery = 1
	tr.solver = l4.NewL4Adam(tr.batches)
	return tr
}

func (tr *trainer) step(batch int) error {
	if err := tr.batches.Add(tr.toy.run(batch), tr.toy.model()); err != nil {
		return err
	}
	return tr.solver.Step(tr.batches.Model())
}

// each runs f on ranks that are goroutines, as eachOf does.
func each(t *testing.T, ranks int, f func(w *dist.World) error) []error {
	t.Helper()
	return eachOf(t, dist.Local(ranks), f)
}

// eachOf runs f on one rank for each engine. It returns the error of f, or else of Finalize, for
// each rank. It uses the fake time of testing/synctest: if a rank hangs, World.Timeout ends the job
// at once, and a goroutine that does not end fails the test.
func eachOf(t *testing.T, engines []dist.Engine, f func(w *dist.World) error) []error {
	t.Helper()
	errs := make([]error, len(engines))
	synctest.Test(t, func(*testing.T) {
		var running sync.WaitGroup
		for r, e := range engines {
			running.Go(func() {
				w, err := dist.New(e)
				if err != nil {
					errs[r] = err
					return
				}
				errs[r] = f(w)
				if err := w.Finalize(); errs[r] == nil {
					errs[r] = err
				}
			})
		}
		running.Wait()
	})
	return errs
}

// wantOK fails the test if a rank has an error.
func wantOK(t *testing.T, errs []error) {
	t.Helper()
	for r, err := range errs {
		if err != nil {
			t.Errorf("rank %d: %v", r, err)
		}
	}
}
