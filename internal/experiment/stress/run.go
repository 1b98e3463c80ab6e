package stress

import (
	"context"
	"math"
	"strings"
	"time"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"

	"github.com/l4-go/l4"
)

// Result is what a run came to.
type Result struct {
	Task, Title, Solver string
	Seed                uint64

	Untrained float64 // the metric before the first step
	// Metric is of the weights after the last step, Average of their average; NaN if not finite or
	// not asked for.
	Metric, Average float64

	FirstLoss, LastLoss float64 // in the first step, and the mean over the last tenth
	Ended               string  // why the run broke off, if it did
	Seconds             float64
}

// run trains a task's model with a solver. Only a context that is done and data that cannot be read
// are errors; a solver that fails is a result.
func run(ctx context.Context, t Task, s Solver, seed uint64) (Result, error) {
	begin := time.Now()
	r := Result{Task: t.Name, Title: t.Title, Solver: s.Name, Seed: seed,
		Metric: math.NaN(), Average: math.NaN(), LastLoss: math.NaN()}
	training, err := t.Start(seed)
	if err != nil {
		return r, errors.WithMessagef(err, "stress: task %s", t.Name)
	}
	r.Untrained = training.Test()
	solver := s.New(training.Loss)
	var mean *l4.Average
	if s.Weights&Averaged != 0 {
		mean = l4.NewAverage(training.Model)
	}
	if err := r.train(ctx, t.Steps, training, solver, mean); err != nil {
		if ctx.Err() != nil {
			return r, ctx.Err()
		}
		r.Ended = strings.ReplaceAll(err.Error(), "\n", " ")
		r.Seconds = time.Since(begin).Seconds()
		return r, nil
	}
	if s.Weights&Last != 0 {
		other, _ := solver.(swapper)
		if r.Metric, err = training.testWith(other); err != nil {
			return r, err
		}
	}
	if mean != nil {
		if r.Average, err = training.testWith(mean); err != nil {
			return r, err
		}
	}
	r.Seconds = time.Since(begin).Seconds()
	return r, nil
}

// train makes the steps. It returns an error if the loss is not finite, if the solver fails or if
// the context is done.
func (r *Result) train(ctx context.Context, steps int, training *Run, solver gorgonia.Solver,
	mean *l4.Average) error {
	sum, last := 0.0, max(1, steps/10)
	for step := 1; step <= steps; step++ {
		if step%64 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		training.Forward(step)
		loss := scalar(training.Loss)
		if step == 1 {
			r.FirstLoss = loss
		}
		if !isFinite(loss) {
			return errors.Errorf("loss %v in step %d", loss, step)
		}
		if step > steps-last {
			sum += loss
		}
		if err := solver.Step(training.Model); err != nil {
			return errors.WithMessagef(err, "step %d", step)
		}
		if mean != nil {
			if err := mean.Update(); err != nil {
				return err
			}
		}
	}
	r.LastLoss = sum / float64(last)
	return nil
}

// testWith tests with other weights than those in training, or with these if s is nil. A metric
// that is not finite is NaN.
func (r *Run) testWith(s swapper) (float64, error) {
	if s == nil {
		return finite(r.Test()), nil
	}
	if err := s.Swap(); err != nil {
		return math.NaN(), err
	}
	metric := r.Test()
	return finite(metric), s.Swap()
}

func finite(x float64) float64 {
	if isFinite(x) {
		return x
	}
	return math.NaN()
}

func scalar(v gorgonia.Valuer) float64 {
	switch x := v.Value().(type) {
	case *gorgonia.F32:
		return float64(*x)
	default:
		return float64(*x.(*gorgonia.F64))
	}
}
