// Package stress compares solvers on many small tasks, most of them of kinds that make learning
// rates hard to choose: wrong labels, small batches, noise, bad initial weights, losses with a
// floor, spikes. A run takes a second or so.
package stress

import (
	"math/rand/v2"

	"gorgonia.org/gorgonia"
)

// Task is a problem to train a model on.
type Task struct {
	Name   string // short, and different from the other tasks'
	Title  string // what it is, in full
	Kind   string // what makes it hard
	Steps  int
	Metric Metric

	data  *pictures // that start reads; nil for none
	start func(seed uint64) (*Run, error)
}

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

// Start makes a model ready for training. The same seed gives the same weights, batches and noise,
// whatever the solver.
func (t Task) Start(seed uint64) (*Run, error) { return t.start(seed) }

// Run is the training of one model.
type Run struct {
	Model   []gorgonia.ValueGrad
	Loss    gorgonia.Valuer
	Forward func(step int) // evaluates the loss and the gradients of a step, the first is 1
	Test    func() float64 // returns the task's metric
}

// trainee is a model with its data, in one dtype.
type trainee[T float] struct {
	params  []*param[T]
	forward func(step int) (loss float64) // also sets the gradients
	test    func() float64
}

// run dresses a trainee for Gorgonia's solvers.
func (t *trainee[T]) run() *Run {
	loss := new(number[T])
	r := &Run{Loss: loss, Test: t.test}
	for _, p := range t.params {
		r.Model = append(r.Model, p)
	}
	r.Forward = func(step int) { loss.x = T(t.forward(step)) }
	return r
}

// number is a Valuer of a scalar.
type number[T float] struct{ x T }

func (n *number[T]) Value() gorgonia.Value {
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

// What random numbers are for. Each has its own, so that none depends on how many another takes.
const (
	forWeights = iota
	forBatches
	forLabels
	forNoise
	forTask
)

func random(seed, purpose uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, purpose)) }
