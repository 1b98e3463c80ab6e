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
		x := o.maxLearnRate.fixed
		o.setPositive(&x, "WithMaxLearnRate", eta)
		o.maxLearnRate = constant(x)
	}
}
