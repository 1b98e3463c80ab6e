// Package stress compares solvers on many small tasks, most of them of kinds that make learning
// rates hard to choose: wrong labels, small batches, noise, bad initial weights, losses with a
// floor, spikes. A run takes a second or so.
package stress

import (
	"math/rand/v2"

	"gorgonia.org/gorgonia"

	"github.com/l4-go/l4/internal/experiment/compare"
)

// Task is a problem to train a model on, in one epoch.
type Task struct {
	compare.Task
	Kind   string // what makes it hard
	Metric Metric

	data *pictures // that Start reads; nil for none
}

func newTask(
	name, title, kind string, steps int, metric Metric,
	start func(seed uint64) (compare.Training, error),
) Task {
	t := compare.Task{Name: name, Title: title, Epochs: 1, EpochSteps: steps, Start: start}
	return Task{Task: t, Kind: kind, Metric: metric}
}

// Kinds of tasks, by what makes them hard.
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

// Metric is what a task measures on data that the model is not trained on.
type Metric int

const (
	Accuracy Metric = iota // share of right answers in %, the more the better
	Error                  // the less the better; what it is stands in the task's title
)

// Better reports whether metric a is better than b.
func (m Metric) Better(a, b float64) bool {
	if m == Accuracy {
		return a > b
	}
	return a < b
}

// trainee is a model with its data, in one dtype: a compare.Training.
type trainee[T float] struct {
	params  []*param[T]
	forward func(step int) (loss float64) // also sets the gradients; the first step is 1
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

// number is a Valuer of a scalar.
type number[T float] struct{ x T }

func (n number[T]) Value() gorgonia.Value {
	switch x := any(n.x).(type) {
	case float32:
		return gorgonia.NewF32(x)
	default:
		return gorgonia.NewF64(x.(float64))
	}
}

// disturbance is what happens to losses and gradients on their way to the solver. The zero value is
// nothing.
type disturbance struct {
	// All gradients are 0 in zeroSteps steps from step zeroFrom on.
	zeroFrom, zeroSteps int
	// In each step whose number divides by every, the loss and the gradients are multiplied; every
	// 0 is never.
	every          int
	lossBy, gradBy float64
}

// disturb lets a disturbance act on a trainee.
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

// What random numbers are for. Each purpose has its own numbers, so that none depends on how many
// another takes.
const (
	forWeights = iota
	forBatches
	forLabels
	forNoise
	forTask
)

func random(seed, purpose uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, purpose)) }
