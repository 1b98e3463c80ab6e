package stress

import (
	"context"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"

	"github.com/l4-go/l4/internal/experiment/compare"
)

// Trace trains on the task with a seed. It calls onStep after each step, with the number of the
// step, which begins at 1, and the loss before the step. A run that diverges is not an error.
func (t Task) Trace(
	ctx context.Context, solver gorgonia.Solver, seed uint64, onStep func(step int, loss float64),
) error {
	if t.data != nil {
		if _, err := t.data.load(ctx); err != nil {
			return err
		}
	}
	training, err := t.Start(seed)
	if err != nil {
		return err
	}
	defer training.Close()
	_, err = compare.Train(ctx, training,
		compare.Instance{Solver: solver, LearnRate: func() float64 { return 0 }},
		compare.Options{
			Epochs: 1, EpochSteps: t.EpochSteps,
			OnStep: func(step int, loss, _ float64) { onStep(step, loss) },
		})
	if failure := new(compare.Failure); errors.As(err, &failure) && failure.Diverged {
		return nil
	}
	return err
}
