package l4

import (
	"fmt"
	"math"

	"github.com/l4-go/l4/internal/record"
)

// floor is the lower bound of the loss.
type floor struct {
	value   float64
	moves   bool    // it gives way to a loss below it
	seen    bool    // there has been a loss
	largest float64 // loss so far
}

// Losses below a floor that moves by less than this share of their range count as at the floor.
const floorTolerance = 1e-6

// under returns the next floor, how far it lies below f, and how far the loss lies above it. Up to
// rounding, relative to a magnitude of 1, a loss below the floor counts as at the floor.
//
// Within a bound a target far too low does no harm. So a floor that moves goes below the loss by
// the range of losses so far, or by the magnitude of the loss if that is larger.
func (f floor) under(loss, rounding float64) (next floor, lowered, above float64, err error) {
	next = f
	if next.largest = max(f.largest, loss); !f.seen {
		next.seen, next.largest = true, loss
	}
	above = loss - f.value
	switch {
	case above >= -rounding*max(1, math.Abs(f.value)):
	case !f.moves:
		return f, 0, 0, fmt.Errorf("%w: the loss is %v, below its floor %v; "+
			"set a lower bound of the loss by WithLossFloor", ErrNegativeLoss, loss, f.value)
	case above <= -floorTolerance*(next.largest-f.value):
		next.value = loss - max(next.largest-loss, math.Abs(loss))
		return next, f.value - next.value, loss - next.value, nil
	}
	return next, 0, max(above, 0), nil
}

func (f *floor) fields(c *record.Codec) {
	if !f.moves {
		return
	}
	const largest = math.MaxFloat64
	c.Float("the floor", &f.value, -largest, largest)
	c.Flag(&f.seen)
	c.Float("the largest loss", &f.largest, -largest, largest)
}

// WithLossFloor sets b, a lower bound of the loss with its penalty (see WithL2Reg): the step uses L
// − b. A loss below b is ErrNegativeLoss. Set b close to the attainable minimum: L4 counts the gap
// as progress still to be made.
//
// Default: 0 at first. A loss below that, such as a negative log density, lowers the floor to L −
// max(largest loss − L, |L|) if it is below by more than 1e-6 of the range of losses so far; see
// Info.Floor. With WithoutBound it is ErrNegativeLoss. A loss without any noise that starts above 0
// and could go below approaches 0 and stays there; set a floor for it.
func WithLossFloor(b float64) Option {
	return func(o *options) {
		o.set(&o.lossFloor, "WithLossFloor", b, isFinite(b), "a finite number")
		o.floorGiven = true
	}
}
