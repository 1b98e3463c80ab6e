package compare

import (
	"gorgonia.org/gorgonia"
)

// Task is a problem to train a model on, with one setting, such as one batch size.
type Task struct {
	Name  string // unique; used in CSV files, in checkpoints and by --tasks
	Title string

	Epochs     int
	EpochSteps int // steps of an epoch

	// Start returns a model that is ready for training. The same seed gives the same initial
	// weights and the same order of the data for every solver.
	Start func(seed uint64) (Training, error)

	Solvers Choices // the solvers to compare on the task
}

// Training is a model with the data of its task. Each run has its own.
type Training interface {
	// Run sets the inputs of a step and evaluates the loss and the gradients. The first step is 0.
	// Run may depend only on the step and on the values of State, so that a run can be resumed. The
	// loss and the nodes may differ from step to step, for example with one graph for each sequence
	// length, but the nodes must be for the same weights in the same order.
	Run(step int) (gorgonia.Valuer, []gorgonia.ValueGrad, error)
	// Metric evaluates the weights on test data, for example by the share of right answers. It
	// returns NaN without test data.
	Metric() (float64, error)
	// State returns the values that a checkpoint saves, and restores in place: the weights and all
	// other values that the training changes, such as the running statistics of batch
	// normalization.
	State() []gorgonia.Value
	// Close frees the resources of the training.
	Close() error
}

// Show returns a text about the weights of a training, or "" if the training has no method Show.
func Show(t Training) (string, error) {
	if s, ok := t.(interface{ Show() (string, error) }); ok {
		return s.Show()
	}
	return "", nil
}
