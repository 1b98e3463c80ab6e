package l4

import "github.com/pkg/errors"

// schedule returns a hyper-parameter's value in a step; the first step is 1. It is an error if the
// value is out of range.
type schedule func(step int) (float64, error)

// constant is the schedule of one number.
func constant(x float64) schedule { return func(int) (float64, error) { return x, nil } }

// schedule returns a schedule whose values are checked. It records an error if there is no
// function.
func (o *options) schedule(option string, at func(step int) float64, c check) schedule {
	if at == nil {
		o.fail(errors.Errorf("l4: %s: the function is nil", option))
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
