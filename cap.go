package l4

import "math"

// clamp limits the magnitude of a learning rate to largest, and to the largest finite number. It
// returns 0 for NaN, which results from an inner product that is zero or infinite.
func clamp(rate, largest float64) float64 {
	if math.IsNaN(rate) {
		return 0
	}
	largest = min(largest, math.MaxFloat64)
	return max(-largest, min(rate, largest))
}

// WithMaxLearnRate caps the magnitude of the learning rate η. Above 0; default: no cap. Use it if
// you know a rate above which training fails. For an L4 the effect of the cap does not depend on
// the learning rate of the inner solver, because the inner solver's direction is scaled to the
// length of g before η multiplies it.
func WithMaxLearnRate(eta float64) Option {
	return func(o *options) {
		o.set("WithMaxLearnRate", eta)
		o.maxRateAt = nil
	}
}

// WithMaxLearnRateSchedule caps the learning rate in each step, like WithMaxLearnRate. Steps are
// numbered from 1. Above 0; +Inf does not cap the rate; default: no cap. Use it to end a training
// with ever shorter steps. If eta returns a value that is not above 0, Step returns an error and
// changes nothing. The function is not part of a saved state.
func WithMaxLearnRateSchedule(eta func(step int) float64) Option {
	return func(o *options) {
		o.maxLearnRate = 0
		o.maxRateAt = o.schedule("WithMaxLearnRateSchedule", eta,
			check{func(x float64) bool { return x > 0 }, "a number above 0"})
	}
}
