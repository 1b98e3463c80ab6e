package stress

import (
	"context"
	"math"
	"strings"
	"time"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"

	"github.com/l4-go/l4/internal/bind"
	"github.com/l4-go/l4/internal/experiment/compare"
)

// Result is the outcome of a run.
type Result struct {
	Task, Title, Solver string
	Seed                uint64

	Untrained float64 // the metric before the first step
	// Metric is the metric of the weights after the last step, Average the metric of their average.
	// NaN means that the metric is not finite or was not evaluated.
	Metric, Average float64

	FirstLoss, LastLoss float64 // of the first step; mean over the last tenth of the steps
	Ended               string  // why the run ended early; "" for a complete run
	Time                time.Duration
}

// resultFields describes the CSV file of runs.
var resultFields compare.Fields[Result] = func(row *compare.Row, r *Result) {
	row.Text("task", &r.Task)
	row.Text("solver", &r.Solver)
	row.Seed("seed", &r.Seed)
	row.Any("untrained", &r.Untrained)
	row.Any("metric", &r.Metric)
	row.Any("average", &r.Average)
	row.Any("first loss", &r.FirstLoss)
	row.Any("last loss", &r.LastLoss)
	row.Text("ended", &r.Ended)
	row.Seconds("seconds", &r.Time, 2)
	row.Text("title", &r.Title)
}

// run trains a task's model with a solver. A solver that fails is a result. Only a ctx that is done
// and data that cannot be read are errors.
func run(ctx context.Context, t Task, s compare.Choice, seed uint64) (*Result, error) {
	start, weights := time.Now(), weightsOf(s)
	r := &Result{Task: t.Name, Title: t.Title, Solver: nameOf(s), Seed: seed,
		Metric: math.NaN(), Average: math.NaN(), LastLoss: math.NaN()}
	training, err := t.Start(seed)
	if err == nil {
		r.Untrained, err = training.Metric()
	}
	if err != nil {
		return nil, errors.WithMessagef(err, "stress: task %s", t.Name)
	}
	lastTenth := max(1, t.EpochSteps/10)
	losses := &watched{Training: training, from: t.EpochSteps - lastTenth}
	epochs, err := compare.Train(ctx, losses, s.New(), compare.Options{
		Epochs: 1, EpochSteps: t.EpochSteps, Average: weights&Averaged != 0,
	})
	r.FirstLoss, r.Time = losses.first, time.Since(start)
	if failure := new(compare.Failure); errors.As(err, &failure) {
		r.Ended = strings.ReplaceAll(failure.Why, "\n", " ")
		return r, nil
	}
	if err != nil {
		return nil, err
	}
	r.LastLoss = losses.sum / float64(lastTenth)
	if weights&Last != 0 {
		r.Metric = finite(epochs[0].Metric)
	}
	if weights&Averaged != 0 {
		r.Average = finite(epochs[0].Average)
	}
	return r, nil
}

// watched is a training that records losses.
type watched struct {
	compare.Training
	from  int     // the first step whose loss is added to sum
	first float64 // loss of the first step
	sum   float64
}

// Run implements compare.Training.
func (w *watched) Run(step int) (gorgonia.Valuer, []gorgonia.ValueGrad, error) {
	loss, model, err := w.Training.Run(step)
	if err != nil {
		return nil, nil, err
	}
	x, _, err := bind.Number(loss.Value())
	if step == 0 {
		w.first = x
	}
	if step >= w.from {
		w.sum += x
	}
	return loss, model, err
}

func finite(x float64) float64 {
	if math.IsInf(x, 0) {
		return math.NaN()
	}
	return x
}
