package compare

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"

	"github.com/l4-go/l4"
	"github.com/l4-go/l4/internal/bind"
)

// Reduce takes the loss and the gradients that a training has evaluated and returns those to step
// on, such as the means over several machines. An l4.Batches and its Model can be returned.
type Reduce func(
	gorgonia.Valuer, []gorgonia.ValueGrad,
) (gorgonia.Valuer, []gorgonia.ValueGrad, error)

// Options say how a run goes.
type Options struct {
	Epochs     int
	EpochSteps int    // steps of an epoch
	Average    bool   // whether the average of the weights is evaluated, too
	Reduce     Reduce // nil steps on what the training returns

	// Functions to follow the run by; each may be nil.
	OnStep  func(step int, loss, learnRate float64) // the first step is 1
	OnEpoch func(Epoch)

	// Save is given the state after each epoch and when ctx ends the run; nil if it is not wanted.
	// It is not called for a solver that is not an encoding.BinaryMarshaler: such a solver cannot
	// be saved.
	Save func(State) error
	// Resume is the state to go on from, nil to start anew.
	Resume *State
}

// Failure is the error of a run whose loss is not finite, or whose solver fails. It is a result of
// the run, while other errors are faults of the program.
type Failure struct {
	Why string // "loss NaN in step 3"
	// Diverged says that a loss or a gradient was no longer finite or that the loss fell below its
	// floor.
	Diverged bool
	cause    error
}

// Error implements error.
func (f *Failure) Error() string { return "compare: " + f.Why }

// Unwrap returns the solver's error.
func (f *Failure) Unwrap() error { return f.cause }

func newFailure(err error) *Failure {
	diverged := errors.Is(err, l4.ErrNonFinite) || errors.Is(err, l4.ErrNegativeLoss)
	return &Failure{Why: err.Error(), Diverged: diverged, cause: err}
}

// Train trains for a number of epochs and returns them. When it ends early, because of an error or
// because ctx is done, it returns the epochs so far as well.
func Train(ctx context.Context, t Training, s Instance, opts Options) ([]Epoch, error) {
	if opts.Epochs < 1 || opts.EpochSteps < 1 {
		return nil, errors.Errorf("compare: a run has %d epochs of %d steps, want at least 1 of each",
			opts.Epochs, opts.EpochSteps)
	}
	r := &run{training: t, solver: s, opts: opts}
	if opts.Resume != nil {
		r.state = *opts.Resume
		if err := restore(t, s, &r.state); err != nil {
			return nil, errors.WithMessage(err, "compare: resume")
		}
	}
	for len(r.state.Epochs) < opts.Epochs {
		err := ctx.Err()
		if err != nil {
			if saveErr := r.save(); saveErr != nil {
				err = saveErr
			}
		} else {
			err = r.step()
		}
		if err != nil {
			return r.state.Epochs, err
		}
	}
	return r.state.Epochs, nil
}

// run is a run in progress.
type run struct {
	training Training
	solver   Instance
	opts     Options
	state    State
	average  *l4.Average // nil before the first step, and unless it is wanted
}

// step makes one step, and ends the epoch that it completes.
func (r *run) step() error {
	start, number := time.Now(), r.state.Step+1
	loss, model, err := r.training.Run(r.state.Step)
	if err == nil && r.opts.Reduce != nil {
		loss, model, err = r.opts.Reduce(loss, model)
	}
	if err != nil {
		return errors.WithMessagef(err, "compare: step %d", number)
	}
	x, _, err := bind.Number(loss.Value())
	if err != nil {
		return errors.WithMessagef(err, "compare: step %d", number)
	}
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return &Failure{Why: fmt.Sprintf("loss %v in step %d", x, number), Diverged: true}
	}
	if err := r.startAverage(model); err != nil {
		return err
	}
	SetLoss(r.solver.Solver, loss)
	if s, ok := r.solver.Solver.(interface{ SetProgress(done float64) }); ok {
		s.SetProgress(float64(r.state.Step) / float64(r.opts.Epochs*r.opts.EpochSteps))
	}
	before := time.Now()
	if err := r.solver.Step(model); err != nil {
		return newFailure(errors.WithMessagef(err, "step %d", number))
	}
	now := time.Now()
	r.state.add(x, r.solver.LearnRate(), now.Sub(start), now.Sub(before))
	if r.average != nil {
		if err := r.average.Update(); err != nil {
			return newFailure(err)
		}
	}
	if r.opts.OnStep != nil {
		r.opts.OnStep(r.state.Step, x, r.solver.LearnRate())
	}
	if r.state.Step%r.opts.EpochSteps == 0 {
		return r.endEpoch()
	}
	return nil
}

// startAverage makes the average before the first step, or goes on from a saved one.
func (r *run) startAverage(model []gorgonia.ValueGrad) error {
	if !r.opts.Average || r.average != nil {
		return nil
	}
	r.average = l4.NewAverage(model)
	if r.state.Average == nil {
		return nil
	}
	err := r.average.UnmarshalBinary(r.state.Average)
	r.state.Average = nil
	return errors.WithMessage(err, "compare: resume")
}

// endEpoch evaluates the weights and completes the epoch in progress.
func (r *run) endEpoch() error {
	// A solver with Swap trains other weights than those to evaluate.
	swapper, _ := r.solver.Solver.(interface{ Swap() error })
	metric, err := r.metric(swapper)
	average := 0.0
	if err == nil && r.average != nil {
		average, err = r.metric(r.average)
	}
	if err != nil {
		return errors.WithMessagef(err, "compare: metric after step %d", r.state.Step)
	}
	e := r.state.endEpoch(r.opts.EpochSteps, metric, average)
	if r.opts.OnEpoch != nil {
		r.opts.OnEpoch(e)
	}
	return r.save()
}

// metric evaluates the weights that Swap puts into the model, or those in training if s is nil.
func (r *run) metric(s interface{ Swap() error }) (float64, error) {
	if s == nil {
		return r.training.Metric()
	}
	if err := s.Swap(); err != nil {
		return 0, err
	}
	metric, err := r.training.Metric()
	if swapErr := s.Swap(); err == nil {
		err = swapErr
	}
	return metric, err
}

// save hands the state to opts.Save, if the solver can be saved.
func (r *run) save() error {
	if r.opts.Save == nil || !canSave(r.solver) {
		return nil
	}
	st, err := save(r.training, r.solver, r.state)
	if err == nil && r.average != nil {
		st.Average, err = r.average.MarshalBinary()
	}
	if err != nil {
		return err
	}
	return r.opts.Save(st)
}
