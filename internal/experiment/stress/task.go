// Package stress compares solvers on many small tasks. In most of them the learning rate is hard to
// choose, because of wrong labels, small batches, noise, bad initial weights, a loss with a floor,
// or spikes. A run takes about a second.
package stress

import (
	"math/rand/v2"

	"gorgonia.org/gorgonia"

	"github.com/l4-go/l4/internal/experiment/compare"
)

// Task is a compare.Task with one epoch, a kind and a metric.
type Task struct {
	compare.Task
	Kind   string // why the learning rate is hard to choose
	Metric Metric

	data *pictures // the data that Start reads; nil without data
}

func newTask(
	name, title, kind string, steps int, metric Metric,
	start func(seed uint64) (compare.Training, error),
) Task {
	t := compare.Task{Name: name, Title: title, Epochs: 1, EpochSteps: steps, Start: start}
	return Task{Task: t, Kind: kind, Metric: metric}
}

// Kinds of tasks, by the reason why the learning rate is hard to choose.
const (
	wrongLabels = "wrong labels"
	batchSize   = "batch size"
	form        = "form of the net"
	start       = "initial weights"
	fewSamples  = "few samples"
	otherLoss   = "regression"
	floor       = "floor"
	shocks      = "shocks"
)

// Metric is the quantity that a task measures on test data.
type Metric int

const (
	Accuracy Metric = iota // share of right answers in %; higher is better
	Error                  // lower is better; the task's title describes it
)

// Better reports whether metric a is better than b.
func (m Metric) Better(a, b float64) bool {
	if m == Accuracy {
		return a > b
	}
	return a < b
}

// trainee is a model of one dtype with its data. It implements compare.Training.
type trainee[T float] struct {
	params  []*param[T]
	forward func(step int) (loss float64) // sets the gradients too; the first step is 1
	test    func() float64

	model []gorgonia.ValueGrad // the parameters
}

// Run implements compare.Training.
func (t *trainee[T]) Run(step int) (gorgonia.Valuer, []gorgonia.ValueGrad, error) {
	if t.model == nil {
		for _, p := range t.params {
			t.model = append(t.model, p)
		}
	}
	return number[T]{T(t.forward(step + 1))}, t.model, nil
}

// Metric implements compare.Training.
func (t *trainee[T]) Metric() (float64, error) { return t.test(), nil }

// State implements compare.Training.
func (t *trainee[T]) State() []gorgonia.Value {
	var values []gorgonia.Value
	for _, p := range t.params {
		values = append(values, p.value)
	}
	return values
}

// Close implements compare.Training.
func (t *trainee[T]) Close() error { return nil }

// number is a gorgonia.Valuer of a scalar.
type number[T float] struct{ x T }

func (n number[T]) Value() gorgonia.Value {
	switch x := any(n.x).(type) {
	case float32:
		return gorgonia.NewF32(x)
	default:
		return gorgonia.NewF64(x.(float64))
	}
}

// disturbance changes losses and gradients before the solver sees them. The zero value changes
// nothing.
type disturbance struct {
	// In zeroSteps steps from step zeroFrom on, all gradients are 0.
	zeroFrom, zeroSteps int
	// In each step whose number is a multiple of every, the loss and the gradients are multiplied
	// by these factors. With every 0 they never are.
	every          int
	lossBy, gradBy float64
}

// disturb applies a disturbance to a trainee.
func disturb[T float](t *trainee[T], d disturbance) {
	forward := t.forward
	t.forward = func(step int) float64 {
		loss := forward(step)
		switch {
		case d.zeroFrom <= step && step < d.zeroFrom+d.zeroSteps:
			t.scaleGrads(0)
		case d.every > 0 && step%d.every == 0:
			loss *= d.lossBy
			t.scaleGrads(d.gradBy)
		}
		return loss
	}
}

func (t *trainee[T]) scaleGrads(by float64) {
	for _, p := range t.params {
		for i := range p.g {
			p.g[i] *= T(by)
		}
	}
}

// Purposes of random numbers. Each purpose has its own stream, so that the number of draws for one
// purpose does not change the numbers for another.
const (
	forWeights = iota
	forBatches
	forLabels
	forNoise
	forTask
)

func random(seed, purpose uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, purpose)) }
