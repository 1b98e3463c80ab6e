// Package train is the training loop that all experiments share.
package train

import (
	"context"
	"math"
	"time"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"
)

// Task is what is trained: a graph, its data and its measure. It serves one run.
type Task struct {
	Graph   *gorgonia.ExprGraph
	Loss    *gorgonia.Node
	Weights gorgonia.Nodes

	// EpochSteps is the number of steps after which the loop makes a record.
	EpochSteps int
	// Next sets the graph's inputs for the step with the given number, counted from 0.
	Next func(step int)
	// Accuracy returns the share of test samples that the weights get right. It is nil where there is none.
	Accuracy func() (float64, error)
}

// Solver is a solver whose learning rate can be read.
type Solver struct {
	gorgonia.Solver
	// LearnRate returns the one of the last step.
	LearnRate func() float64
}

// Record sums up an epoch.
type Record struct {
	Epoch     int           // the first is 1
	Loss      float64       // mean over the epoch's steps, before each of them
	LearnRate float64       // geometric mean over the epoch's steps
	Accuracy  float64       // on the test set after the epoch, NaN if there is none
	Time      time.Duration // of the epoch's training, without its evaluation
	StepTime  time.Duration // the part of Time spent in the solver
}

// Watcher follows a run. Both functions may be nil.
type Watcher struct {
	Step  func(step int, loss, learnRate float64)
	Epoch func(Record)
}

// ErrDiverged says that the loss was no longer a finite number.
var ErrDiverged = errors.New("diverged")

// Run trains for a number of epochs and returns a record of each. When it ends early, for an error or because
// ctx is done, it returns the records so far as well.
func Run(ctx context.Context, task *Task, solver Solver, epochs int, watch Watcher) ([]Record, error) {
	grads, err := gorgonia.Grad(task.Loss, task.Weights...)
	if err != nil {
		return nil, err
	}
	// Only what leads to the loss and these gradients: the graph also holds the gradient of the input.
	vm := gorgonia.NewTapeMachine(task.Graph.SubgraphRoots(append(grads, task.Loss)...), gorgonia.BindDualValues(task.Weights...))
	defer vm.Close()
	model := gorgonia.NodesToValueGrads(task.Weights)

	var records []Record
	step := 0
	for epoch := 1; epoch <= epochs; epoch++ {
		r := Record{Epoch: epoch, Accuracy: math.NaN()}
		logRate := 0.0
		for range task.EpochSteps {
			if err := ctx.Err(); err != nil {
				return records, err
			}
			start := time.Now()
			task.Next(step)
			if err := vm.RunAll(); err != nil {
				return records, err
			}
			loss := number(task.Loss.Value())
			if math.IsNaN(loss) || math.IsInf(loss, 0) {
				return records, errors.WithMessagef(ErrDiverged, "epoch %d, step %d: loss %v", epoch, step+1, loss)
			}
			before := time.Now()
			if err := solver.Step(model); err != nil {
				return records, errors.WithMessagef(err, "epoch %d, step %d", epoch, step+1)
			}
			vm.Reset()
			now := time.Now()
			r.StepTime += now.Sub(before)
			r.Time += now.Sub(start)

			rate := solver.LearnRate()
			r.Loss += loss / float64(task.EpochSteps)
			logRate += math.Log(rate) / float64(task.EpochSteps)
			step++
			if watch.Step != nil {
				watch.Step(step, loss, rate)
			}
		}
		r.LearnRate = math.Exp(logRate)
		if task.Accuracy != nil {
			var err error
			if r.Accuracy, err = task.Accuracy(); err != nil {
				return records, err
			}
		}
		records = append(records, r)
		if watch.Epoch != nil {
			watch.Epoch(r)
		}
	}
	return records, nil
}

func number(v gorgonia.Value) float64 {
	switch x := v.Data().(type) {
	case float32:
		return float64(x)
	case float64:
		return x
	}
	return math.NaN()
}
