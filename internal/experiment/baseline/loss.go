package baseline

import (
	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"
)

// ReadLoss returns a loss as a number. It returns an error unless the loss is one number of float32
// or float64, in a scalar or a tensor.
func ReadLoss(loss gorgonia.Valuer) (float64, error) {
	if loss == nil || loss.Value() == nil {
		return 0, errors.New("baseline: the loss is missing: run the machine before the step")
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
	return 0, errors.Errorf("baseline: the loss is a %T of shape %v: want one float32 or float64",
		loss.Value(), loss.Value().Shape())
}
