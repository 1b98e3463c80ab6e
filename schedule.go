package l4

import "github.com/pkg/errors"

// schedule is a hyper-parameter that may change from step to step.
type schedule struct {
	option  string
	at      func(step int) float64
	inRange func(x float64) bool
	want    string
	fixed   float64 // the number, if it is always the same
	now     float64 // in this step
}

// constant is the schedule of one number.
func constant(x float64) *schedule {
	return &schedule{at: func(int) float64 { return x },
		inRange: func(float64) bool { return true }, fixed: x}
}

// set sets the number of a step. It returns an error if that is out of range.
func (s *schedule) set(step int) error {
	x := s.at(step)
	if !s.inRange(x) {
		return errors.Errorf("l4: %s: %v in step %d: want %s", s.option, x, step, s.want)
	}
	s.now = x
	return nil
}

// setSchedule stores a schedule and records an error if it has no function.
func (o *options) setSchedule(field **schedule, s schedule) {
	if s.at == nil {
		o.fail(errors.Errorf("l4: %s: the function is nil", s.option))
		return
	}
	*field = &s
}

func isDecay(x float64) bool { return 0 <= x && x < 1 }

const wantDecay = "a number from 0 to below 1"

// WithWeightDecaySchedule is WithWeightDecay with a λ for each step; the first is 1. A value out of
// range is an error of that Step, which then changes nothing. A saved state does not contain the
// function.
func WithWeightDecaySchedule(lambda func(step int) float64) Option {
	return func(o *options) {
		o.setSchedule(&o.weightDecay, schedule{option: "WithWeightDecaySchedule", at: lambda,
			inRange: isDecay, want: wantDecay})
	}
}

// WithMaxLearnRateSchedule is WithMaxLearnRate with a cap for each step, +Inf for none; the first
// step is 1. Use it to end a training with ever shorter steps. A value out of range is an error of
// that Step, which then changes nothing. A saved state does not contain the function.
func WithMaxLearnRateSchedule(eta func(step int) float64) Option {
	return func(o *options) {
		o.setSchedule(&o.maxLearnRate, schedule{option: "WithMaxLearnRateSchedule", at: eta,
			inRange: func(x float64) bool { return x > 0 }, want: "a number above 0"})
	}
}

// WithWeightDecayOf limits weight decay to the parameters for which decays returns true, by their
// name and shape in the first step. It is common to leave out biases and scales of normalisation:
//
//	l4.WithWeightDecayOf(func(_ string, shape []int) bool { return len(shape) > 1 })
func WithWeightDecayOf(decays func(name string, shape []int) bool) Option {
	return func(o *options) {
		if decays == nil {
			o.fail(errors.New("l4: WithWeightDecayOf: the function is nil"))
		}
		o.decays = decays
	}
}
