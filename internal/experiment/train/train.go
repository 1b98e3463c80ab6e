// Package train is the training loop that all experiments share, with the tasks of the paper.
package train

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"

	"github.com/l4-go/l4"
)

// Task is what a run trains. Each run has a task of its own.
type Task interface {
	// Run sets the inputs of a step, counted from 0, and evaluates the loss and the gradients. What
	// it does may depend only on the step and on the values of State, so that a run can be resumed.
	// Loss and nodes may differ from step to step, as with one graph for each sequence length, but
	// they stand for the same weights in the same order.
	Run(step int) (gorgonia.Valuer, []gorgonia.ValueGrad, error)
	// Accuracy returns the share of test samples that the weights get right, NaN without test data.
	Accuracy() (float64, error)
	// State returns what a checkpoint saves and restores in place: the weights, and whatever else
	// training changes, such as the running statistics of batch normalization.
	State() []gorgonia.Value
	// Close frees the task's machines.
	Close() error
}

// Reduce takes the loss and the gradients that a task has evaluated and returns those to step on,
// such as the means over several machines. An l4.Batches and its Model can be returned.
type Reduce func(
	gorgonia.Valuer, []gorgonia.ValueGrad,
) (gorgonia.Valuer, []gorgonia.ValueGrad, error)

// Options say how a run goes.
type Options struct {
	Epochs     int
	EpochSteps int    // steps in an epoch, at the end of which the loop makes a record
	Reduce     Reduce // nil steps on what the task returns

	// Functions to follow the run by; each may be nil.
	OnStep  func(step int, loss, learnRate float64) // the first step is 1
	OnEpoch func(Record)

	// Save is given the state after each epoch and when ctx ends the run; nil if it is not wanted.
	// It is not called for a solver that is no encoding.BinaryMarshaler, which cannot be saved.
	Save func(State) error
	// Resume is the state to go on from, nil to start anew.
	Resume *State
}

// Record sums up an epoch.
type Record struct {
	Epoch     int           // the first is 1
	Loss      float64       // mean over the epoch's steps, each read before its update
	LastLoss  float64       // loss of the last step
	LearnRate float64       // geometric mean of the learning rates above 0; 0 if there are none
	Accuracy  float64       // on the test data after the epoch, NaN without test data
	Time      time.Duration // of the epoch's training, without the evaluation of Accuracy
	StepTime  time.Duration // the part of Time spent in the solver
}

// ErrDiverged says that a loss or a gradient was no longer finite or that the loss fell below its
// floor. It is a result of the run, while other errors are faults of the program.
var ErrDiverged = errors.New("train: diverged")

// Run trains for a number of epochs and returns a record of each. When it ends early, because of an
// error or because ctx is done, it returns the records so far as well.
func Run(ctx context.Context, task Task, solver Solver, opts Options) ([]Record, error) {
	if opts.Epochs < 1 || opts.EpochSteps < 1 {
		return nil, errors.Errorf("train: %d epochs of %d steps: want at least 1 of each",
			opts.Epochs, opts.EpochSteps)
	}
	r := &run{task: task, solver: solver, opts: opts}
	if opts.Resume != nil {
		if err := r.restore(*opts.Resume); err != nil {
			return nil, errors.WithMessage(err, "train: resume")
		}
	}
	for len(r.state.Records) < opts.Epochs {
		err := ctx.Err()
		if err != nil {
			if saveErr := r.save(); saveErr != nil {
				err = saveErr
			}
		} else {
			err = r.step()
		}
		if err != nil {
			return r.state.Records, err
		}
	}
	return r.state.Records, nil
}

// run is a run in progress.
type run struct {
	task   Task
	solver Solver
	opts   Options
	state  State
}

// step makes one step, and the record of the epoch that it ends.
func (r *run) step() error {
	start := time.Now()
	loss, model, err := r.task.Run(r.state.Step)
	if err == nil && r.opts.Reduce != nil {
		loss, model, err = r.opts.Reduce(loss, model)
	}
	if err != nil {
		return errors.WithMessagef(err, "train: step %d", r.state.Step+1)
	}
	x, err := number(loss)
	if err != nil {
		return err
	}
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return fmt.Errorf("%w in step %d: the loss is %v", ErrDiverged, r.state.Step+1, x)
	}
	if s, ok := r.solver.Solver.(lossSetter); ok {
		s.SetLoss(loss)
	}
	if s, ok := r.solver.Solver.(progressSetter); ok {
		s.SetProgress(float64(r.state.Step) / float64(r.opts.Epochs*r.opts.EpochSteps))
	}
	before := time.Now()
	if err := r.solver.Step(model); err != nil {
		if errors.Is(err, l4.ErrNonFinite) || errors.Is(err, l4.ErrNegativeLoss) {
			return fmt.Errorf("%w in step %d: %v", ErrDiverged, r.state.Step+1, err)
		}
		return errors.WithMessagef(err, "train: step %d", r.state.Step+1)
	}
	now := time.Now()
	r.state.add(x, r.solver.LearnRate(), now.Sub(start), now.Sub(before))
	if r.opts.OnStep != nil {
		r.opts.OnStep(r.state.Step, x, r.solver.LearnRate())
	}
	if r.state.Step%r.opts.EpochSteps == 0 {
		return r.endEpoch()
	}
	return nil
}

// endEpoch makes the record of the epoch in progress.
func (r *run) endEpoch() error {
	accuracy, err := r.task.Accuracy()
	if err != nil {
		return errors.WithMessagef(err, "train: accuracy after step %d", r.state.Step)
	}
	record := r.state.endEpoch(r.opts.EpochSteps, accuracy)
	if r.opts.OnEpoch != nil {
		r.opts.OnEpoch(record)
	}
	return r.save()
}

// lossSetter is a solver that reads the loss.
type lossSetter interface{ SetLoss(gorgonia.Valuer) }

// progressSetter is a solver with a schedule. It is told the share of the run that is done.
type progressSetter interface{ SetProgress(done float64) }

// number returns a loss as a number.
func number(loss gorgonia.Valuer) (float64, error) {
	if loss == nil || loss.Value() == nil {
		return 0, errors.New("train: the task returned no loss: run the machine before")
	}
	switch x := loss.Value().Data().(type) {
	case float32:
		return float64(x), nil
	case float64:
		return x, nil
	case []float32:
		if len(x) == 1 {
			return float64(x[0]), nil
		}
	case []float64:
		if len(x) == 1 {
			return x[0], nil
		}
	}
	return 0, errors.Errorf("train: the loss is a %T of shape %v: want one float32 or float64",
		loss.Value(), loss.Value().Shape())
}
