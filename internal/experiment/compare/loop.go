package compare

import (
	"cmp"
	"context"
	"encoding"
	"fmt"
	"time"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"

	"github.com/l4-go/l4"
	"github.com/l4-go/l4/internal/bind"
)

// Options are the settings of Train.
type Options struct {
	Epochs     int
	EpochSteps int    // steps of an epoch
	Average    bool   // whether to evaluate the average of the weights as well
	Reduce     Reduce // nil uses the loss and the gradients of the training

	// Functions that follow the run. Each may be nil.
	OnStep  func(step int, loss, learnRate float64) // the first step is 1
	OnEpoch func(Epoch)

	// Save is called with the state after each epoch and when ctx ends the run. It may be nil. It
	// is not called if the solver does not implement encoding.BinaryMarshaler.
	Save func(State) error
	// Resume is the state to resume. nil starts a new run.
	Resume *State
}

// Reduce replaces the loss and the gradients of a training before the solver's step, for example by
// their means over several machines. It may return an l4.Batches and its Model.
type Reduce func(
	gorgonia.Valuer, []gorgonia.ValueGrad,
) (gorgonia.Valuer, []gorgonia.ValueGrad, error)

// Failure is the error of a run whose loss is not finite, or whose solver returns an error. A
// Failure is a result of the run. Other errors are faults of the program.
type Failure struct {
	Why string // "loss NaN in step 3"
	// Diverged reports whether a loss or a gradient was not finite, or a loss was below its floor.
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

// Train trains for opts.Epochs epochs and returns their results. If it ends early, because of an
// error or because ctx is done, it returns the completed epochs and the error.
func Train(ctx context.Context, t Training, s Instance, opts Options) ([]Epoch, error) {
	if opts.Epochs < 1 || opts.EpochSteps < 1 {
		return nil, errors.Errorf("compare: %d epochs of %d steps, want at least 1 of each",
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
		if err := ctx.Err(); err != nil {
			return r.state.Epochs, cmp.Or(r.save(), err)
		}
		if err := r.step(); err != nil {
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
	average  *l4.Average // nil before the first step and without Options.Average
}

// step makes one step. After the last step of an epoch it evaluates the epoch.
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
	if !isFinite(x) {
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

// startAverage creates the average before the first step, or restores a saved average.
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
	s, _ := r.solver.Solver.(swapper)
	metric, err := r.metric(s)
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

// swapper exchanges the weights in training and the weights to evaluate, as ScheduleFree does.
type swapper interface{ Swap() error }

// metric evaluates the weights that Swap puts into the model, or the weights in training if s is
// nil.
func (r *run) metric(s swapper) (float64, error) {
	if s == nil {
		return r.training.Metric()
	}
	if err := s.Swap(); err != nil {
		return 0, err
	}
	metric, err := r.training.Metric()
	return metric, cmp.Or(err, s.Swap())
}

// save calls opts.Save with the state, if the solver can be saved.
func (r *run) save() error {
	solver, ok := r.solver.Solver.(encoding.BinaryMarshaler)
	if !ok || r.opts.Save == nil {
		return nil
	}
	st, err := save(r.training, solver, r.state)
	if err == nil && r.average != nil {
		st.Average, err = r.average.MarshalBinary()
	}
	if err != nil {
		return err
	}
	return r.opts.Save(st)
}
