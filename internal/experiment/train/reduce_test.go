package train

import (
	"math"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
	"github.com/l4-go/l4/internal/experiment/dataset"
	"github.com/l4-go/l4/internal/experiment/model"
)

// classifier trains a small net on batches of a size, in the order of a seed.
func classifier(
	t *testing.T, weights model.Weights, images *dataset.Images, batch int, seed uint64,
) *Classifier {
	t.Helper()
	task, err := Classify(model.MLP(weights, batch), model.MLP(weights, 7), images, images, seed)
	return must(t, task, err)
}

// microBatches is a task of which a step is the mean of several steps of another.
type microBatches struct {
	Task
	n       int
	batches l4.Batches
}

func (m *microBatches) Run(step int) (gorgonia.Valuer, []gorgonia.ValueGrad, error) {
	for i := range m.n {
		loss, model, err := m.Task.Run(step*m.n + i)
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
	const images, epochs = 48, 5
	data := randomImages(images)
	for _, kind := range []string{"l4adam", "l4mom", "sgd"} {
		whole := classifier(t, smallWeights(), data, 12, 1)
		parts := &microBatches{Task: classifier(t, smallWeights(), data, 3, 1), n: 4}
		opts := Options{Epochs: epochs, EpochSteps: images / 12}
		wantClose(t, kind, fit(t, parts, kind, opts), fit(t, whole, kind, opts), parts, whole)
	}
}

// TestReduce: two replicas with the halves of each batch train like one net with the whole batch.
func TestReduce(t *testing.T) {
	const images, epochs = 48, 5
	data := randomImages(images)
	for _, kind := range []string{"l4adam", "l4mom", "sgd"} {
		whole := classifier(t, smallWeights(), data, 12, 1)
		weights := smallWeights()
		half := &every{Task: classifier(t, weights, data, 6, 1), n: 2, offset: 0}
		other := &every{Task: classifier(t, shared(weights), data, 6, 1), n: 2, offset: 1}
		batches, step := new(l4.Batches), 0
		opts := Options{Epochs: epochs, EpochSteps: images / 12}
		want := fit(t, whole, kind, opts)
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
		wantClose(t, kind, fit(t, half, kind, opts), want, half, whole)
	}
}

// every is a task that makes one of n steps of another.
type every struct {
	Task
	n, offset int
}

func (e *every) Run(step int) (gorgonia.Valuer, []gorgonia.ValueGrad, error) {
	return e.Task.Run(step*e.n + e.offset)
}

// shared returns tensors of their own in the same memory.
func shared(weights model.Weights) model.Weights {
	var others model.Weights
	for _, w := range weights {
		other := tensor.New(tensor.WithShape(w.Shape()...), tensor.WithBacking(w.Data()))
		others = append(others, other)
	}
	return others
}

// wantClose compares two runs, which differ by the rounding of sums.
func wantClose(t *testing.T, name string, got, want []Record, gotTask, wantTask Task) {
	t.Helper()
	for i, w := range want {
		g := got[i]
		if !near(g.Loss, w.Loss) || !near(g.LastLoss, w.LastLoss) ||
			!near(g.LearnRate, w.LearnRate) {
			t.Errorf("%s: epoch %d is %+v, want %+v", name, i+1, g, w)
		}
	}
	if first, last := want[0].Loss, want[len(want)-1].Loss; !(last < first) {
		t.Errorf("%s: the loss goes from %v to %v", name, first, last)
	}
	ws := floats(wantTask.State())
	for i, g := range floats(gotTask.State()) {
		if !near(g, ws[i]) {
			t.Fatalf("%s: weight %d is %v, want %v", name, i, g, ws[i])
		}
	}
}

func near(x, y float64) bool { return math.Abs(x-y) <= 1e-10*math.Max(1, math.Abs(y)) }

// lengths is a task with a graph for each length of a sequence, over the same weight.
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
	l.Plain = Plain{Machine: l.machines[0]}
	kind, _ := KindOf("l4mom")
	solver := kind.New(kind.Value)
	steps := 0
	opts := Options{Epochs: 1, EpochSteps: 300, OnStep: func(step int, loss, _ float64) {
		if info := solver.Solver.(*l4.L4Mom).Last(); info.Loss != loss || info.Step != step {
			t.Fatalf("step %d: the solver read %v in step %d, the loss is %v",
				step, info.Loss, info.Step, loss)
		}
		if step == 2 && loss < 8 { // the second graph's loss is twice that of the first
			t.Errorf("loss %v in step 2", loss)
		}
		steps++
	}}
	records, err := Run(t.Context(), l, solver, opts)
	if err != nil || steps != 300 {
		t.Fatal(steps, err)
	}
	if records[0].LastLoss > 1e-3 || !math.IsNaN(records[0].Accuracy) {
		t.Errorf("%+v, weights %v", records[0], start)
	}
}
