package compare

import (
	"gorgonia.org/gorgonia"
)

// Task is something to train a model on, in one form of it, such as one batch size.
type Task struct {
	Name  string // unique, for CSV files, checkpoints and --tasks
	Title string

	Epochs     int
	EpochSteps int // steps of an epoch

	// Start makes a model ready for training. The same seed gives the same initial weights and the
	// same order of the data, whatever the solver.
	Start func(seed uint64) (Training, error)

	Solvers Choices // to compare on the task
}

// Training is a model with the data of its task. Each run has its own.
type Training interface {
	// Run sets the inputs of a step, counted from 0, and evaluates the loss and the gradients. What
	// it does may depend only on the step and on the values of State, so that a run can be resumed.
	// Loss and nodes may differ from step to step, as with one graph for each sequence length, but
	// they stand for the same weights in the same order.
	Run(step int) (gorgonia.Valuer, []gorgonia.ValueGrad, error)
	// Metric measures the weights on data that they are not trained on, such as the share of right
	// answers. It returns NaN without such data.
	Metric() (float64, error)
	// State returns what a checkpoint saves and restores in place: the weights, and whatever else
	// training changes, such as the running statistics of batch normalization.
	State() []gorgonia.Value
	// Close frees the machines of the training.
	Close() error
}

// Show returns what a training shows in words about its weights, "" if it shows nothing.
func Show(t Training) (string, error) {
	if s, ok := t.(interface{ Show() (string, error) }); ok {
		return s.Show()
	}
	return "", nil
}
