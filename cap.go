package l4

import "math"

// clamp limits the magnitude of a learning rate to largest, which may be infinite, and to the
// finite numbers. NaN, from an inner product that is zero or infinite, becomes 0: no step.
func clamp(rate, largest float64) float64 {
	if math.IsNaN(rate) {
		return 0
	}
	largest = min(largest, math.MaxFloat64)
	return max(-largest, min(rate, largest))
}

// WithMaxLearnRate sets a cap > 0 on the magnitude of the learning rate η. Default: none. For an L4
// it is the rate along a direction as long as g, whatever the inner solver's own rate.
func WithMaxLearnRate(eta float64) Option {
	return func(o *options) {
		o.set("WithMaxLearnRate", eta)
		o.maxRateAt = nil
	}
}

// WithMaxLearnRateSchedule is WithMaxLearnRate with a cap for each step, +Inf for none; the first
// step is 1. Use it to end a training with ever shorter steps. A value out of range is an error of
// that Step, which then changes nothing. A saved state does not contain the function.
func WithMaxLearnRateSchedule(eta func(step int) float64) Option {
	return func(o *options) {
		o.maxLearnRate = 0
		o.maxRateAt = o.schedule("WithMaxLearnRateSchedule", eta,
			check{func(x float64) bool { return x > 0 }, "a number above 0"})
	}
}
