package l4

import (
	"math"

	"github.com/l4-go/l4/internal/record"
)

// rateCap keeps the learning rate a number of limited magnitude.
type rateCap struct{ max *schedule }

func (c rateCap) limit(_ measured, info Info) Info {
	if math.IsNaN(info.LearnRate) { // no direction, or one whose inner product is infinite
		info.LearnRate = 0
	}
	largest := min(c.max.now, math.MaxFloat64)
	info.LearnRate = max(-largest, min(info.LearnRate, largest))
	return info
}

func (rateCap) fields(*record.Codec) {}

// WithMaxLearnRate sets a cap > 0 on the magnitude of the learning rate η. Default: none. For an L4
// it is the rate along a direction as long as g, whatever the inner solver's own rate.
func WithMaxLearnRate(eta float64) Option {
	return func(o *options) {
		x := o.maxLearnRate.fixed
		o.setPositive(&x, "WithMaxLearnRate", eta)
		o.maxLearnRate = constant(x)
	}
}
