package l4

import "github.com/pkg/errors"

// schedule returns the value of a hyperparameter in a step, or an error if the value is out of
// range. The first step is 1.
type schedule func(step int) (float64, error)

// constant returns a schedule whose value is always x.
func constant(x float64) schedule { return func(int) (float64, error) { return x, nil } }

// schedule returns a schedule that checks the values of the user's function at. It records an error
// if at is nil.
func (o *options) schedule(option string, at func(step int) float64, c check) schedule {
	if at == nil {
		o.fail(errors.Errorf("l4: %s: the function is nil: pass a function", option))
		return nil
	}
	return func(step int) (float64, error) {
		x := at(step)
		if !c.ok(x) {
			return 0, errors.Errorf("l4: %s: %v in step %d: want %s", option, x, step, c.want)
		}
		return x, nil
	}
}
