package l4

import (
	"fmt"
	"math"
)

// floor is the lower bound of the loss.
type floor struct{ value float64 }

// above returns by how much the loss is above its floor. It may lie below by rounding alone, by so much at
// a magnitude of 1.
func (f *floor) above(loss, rounding float64) (float64, error) {
	above := loss - f.value
	if above < -rounding*max(1, math.Abs(f.value)) {
		return 0, fmt.Errorf("%w: the loss is %v, below its floor %v; set a lower bound of the loss by WithLossFloor",
			ErrNegativeLoss, loss, f.value)
	}
	return max(above, 0), nil
}

// WithLossFloor sets b, a lower bound of the loss with its penalty (see WithL2Reg): the step uses L − b.
// Default 0. Use it for losses that can be negative, such as negative log densities, and for those known to
// stay above some number. A loss below b is ErrNegativeLoss. Set b close to the attainable minimum: L4
// counts the gap as progress still to be made.
func WithLossFloor(b float64) Option {
	return func(o *options) { o.set(&o.lossFloor, "WithLossFloor", b, isFinite(b), "a finite number") }
}
