package compare

import (
	"math"
	"slices"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
)

// microBatches is a training in which one step is the mean of several steps of another training.
type microBatches struct {
	Training
	n       int
	batches l4.Batches
}

func (m *microBatches) Run(step int) (gorgonia.Valuer, []gorgonia.ValueGrad, error) {
	for i := range m.n {
		loss, model, err := m.Training.Run(step*m.n + i)
		if err != nil {
			return nil, nil, err
		}
		if err := m.batches.Add(loss, model); err != nil {
			return nil, nil, err
		}
	}
	return &m.batches, m.batches.Model(), nil
}

// TestMicroBatches: four batches of 3 train like one batch of 12.
func TestMicroBatches(t *testing.T) {
	const samples, epochs = 48, 5
	for _, solver := range []string{"l4adam", "l4mom", "sgd"} {
		all := newRegression(samples, 12, 1)
		parts := &microBatches{Training: newRegression(samples, 3, 1), n: 4}
		opts := Options{Epochs: epochs, EpochSteps: samples / 12}
		wantClose(t, solver, fit(t, parts, solver, opts), fit(t, all, solver, opts), parts, all)
	}
}

// TestReduce: two replicas with the halves of each batch train like one model with the full batch.
func TestReduce(t *testing.T) {
	const samples, epochs = 48, 5
	for _, solver := range []string{"l4adam", "l4mom", "sgd"} {
		all := newRegression(samples, 12, 1)
		weights := make([]float64, 4)
		half := &every{newRegression(samples, 6, 1, weights...), 2, 0}
		other := &every{newRegression(samples, 6, 1, weights...), 2, 1}
		batches, step := new(l4.Batches), 0
		opts := Options{Epochs: epochs, EpochSteps: samples / 12}
		want := fit(t, all, solver, opts)
		opts.Reduce = func(
			loss gorgonia.Valuer, model []gorgonia.ValueGrad,
		) (gorgonia.Valuer, []gorgonia.ValueGrad, error) {
			if err := batches.Add(loss, model); err != nil {
				return nil, nil, err
			}
			loss, model, err := other.Run(step)
			if err != nil {
				return nil, nil, err
			}
			step++
			err = batches.Add(loss, model)
			return batches, batches.Model(), err
		}
		wantClose(t, solver, fit(t, half, solver, opts), want, half, all)
	}
}

// every is a training that makes every n-th step of another training.
type every struct {
	Training
	n, offset int
}

func (e *every) Run(step int) (gorgonia.Valuer, []gorgonia.ValueGrad, error) {
	return e.Training.Run(step*e.n + e.offset)
}

// wantClose compares two runs, which may differ by the rounding of sums.
func wantClose(t *testing.T, name string, got, want []Epoch, g, w Training) {
	t.Helper()
	for i, e := range want {
		if !near(got[i].Loss, e.Loss) || !near(got[i].LastLoss, e.LastLoss) ||
			!near(got[i].LearnRate, e.LearnRate) {
			t.Errorf("%s: epoch %d is %+v, want %+v", name, i+1, got[i], e)
		}
	}
	if first, last := want[0].Loss, want[len(want)-1].Loss; !(last < first) {
		t.Errorf("%s: the loss goes from %v to %v", name, first, last)
	}
	if x, y := floats(g.State()), floats(w.State()); !slices.EqualFunc(x, y, near) {
		t.Fatalf("%s: weights %v, want %v", name, x, y)
	}
}

func near(x, y float64) bool { return math.Abs(x-y) <= 1e-10*math.Max(1, math.Abs(y)) }

// lengths is a training with a graph for each sequence length. All graphs share one weight.
type lengths struct {
	machines []*Machine
	Plain    // the first
}

func (l *lengths) Run(step int) (gorgonia.Valuer, []gorgonia.ValueGrad, error) {
	return l.machines[step%len(l.machines)].Run()
}

// TestGraphPerLength: each step reads the loss of its own graph. The loss of length n is n·(w-3)².
func TestGraphPerLength(t *testing.T) {
	start := []float64{1, 1}
	l := &lengths{}
	for n := 1; n <= 3; n++ {
		g := gorgonia.NewGraph()
		value := tensor.New(tensor.WithShape(2), tensor.WithBacking(start))
		w := gorgonia.NewVector(g, tensor.Float64, gorgonia.WithName("w"), gorgonia.WithShape(2),
			gorgonia.WithValue(value))
		off := gorgonia.Must(gorgonia.Sub(w, gorgonia.NewConstant(3.0)))
		sum := gorgonia.Must(gorgonia.Sum(gorgonia.Must(gorgonia.Square(off))))
		loss := gorgonia.Must(gorgonia.Mul(sum, gorgonia.NewConstant(float64(n))))
		m, err := NewMachine(loss, gorgonia.Nodes{w})
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		l.machines = append(l.machines, m)
	}
	l.Plain = Plain{l.machines[0]}
	solver := choice("l4mom").New()
	steps := 0
	opts := Options{Epochs: 1, EpochSteps: 300, OnStep: func(step int, loss, _ float64) {
		if info := solver.Solver.(*l4.L4Mom).Last(); info.Loss != loss || info.Step != step {
			t.Fatalf("step %d: the solver read %v in step %d, the loss is %v",
				step, info.Loss, info.Step, loss)
		}
		if step == 2 && loss < 8 { // the second graph's loss is twice the first graph's
			t.Errorf("loss %v in step 2", loss)
		}
		steps++
	}}
	epochs, err := Train(t.Context(), l, solver, opts)
	if err != nil || steps != 300 {
		t.Fatal(steps, err)
	}
	if epochs[0].LastLoss > 1e-3 || !math.IsNaN(epochs[0].Metric) {
		t.Errorf("%+v, weights %v", epochs[0], start)
	}
}
