package l4

import (
	"fmt"
	"math"

	"github.com/l4-go/l4/internal/record"
)

// floor is the lower bound of the loss.
type floor struct {
	value   float64
	moves   bool    // a loss below the floor lowers the floor
	seen    bool    // largest is set
	moved   bool    // a loss has lowered the floor
	largest float64 // largest loss so far
}

// newFloor returns a fixed floor at value or, if value is -Inf, a floor that starts at 0 and moves.
func newFloor(value float64) floor {
	if math.IsInf(value, -1) {
		return floor{moves: true}
	}
	return floor{value: value}
}

// Rounding errors may make a loss of 0 negative, up to this magnitude. Sixteen times the relative
// precision of the dtype is enough for the mean of logarithms of probabilities.
const rounding32, rounding64 = 16 * 0x1p-23, 16 * 0x1p-52

// Shares of the range from a movable floor to the largest loss.
const (
	floorTolerance = 1e-6 // a loss less far below the floor counts as at the floor
	floorNear      = 0.3  // a loss up to this far above a lowered floor lowers it again
)

// under returns the next floor, the amount by which the next floor is lower than f, and the loss
// above the next floor. narrow says that the loss is a float32. A loss that is below the floor by
// rounding error only, relative to a magnitude of at least 1, counts as at the floor.
//
// With the bound a target that is far too low does not harm the training. So a floor that moves
// goes below the loss by the range of the losses so far, or by the magnitude of the loss if the
// magnitude is larger. A floor that has moved is only a guess, so it moves again before the loss
// reaches it.
func (f floor) under(loss float64, narrow bool) (next floor, lowered, above float64, err error) {
	next = f
	if next.largest = max(f.largest, loss); !f.seen {
		next.seen, next.largest = true, loss
	}
	rounding := rounding64
	if narrow {
		rounding = rounding32
	}
	above = loss - f.value
	below := above < -rounding*max(1, math.Abs(f.value))
	if below && !f.moves {
		return f, 0, 0, fmt.Errorf("%w: the loss is %v, below its floor of %v: "+
			"set a lower bound of the loss with WithLossFloor", ErrNegativeLoss, loss, f.value)
	}
	span := next.largest - f.value
	if below && above <= -floorTolerance*span || f.moved && 0 <= above && above <= floorNear*span {
		next.value, next.moved = loss-max(next.largest-loss, math.Abs(loss)), true
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
	c.Flag(&f.moved)
	c.Float("the largest loss", &f.largest, -largest, largest)
}

// WithLossFloor sets a lower bound b of the loss, including the penalty of WithL2Reg: steps use L −
// b. A loss below b is ErrNegativeLoss. Set b close to the smallest loss that can be reached: L4
// treats the gap as progress still to be made. b can be any finite number.
//
// Default, if the length of steps is bounded (see WithBound): the floor starts at 0. Some losses,
// such as a negative log density, can fall below 0. If a loss L is below the floor by more than
// 1e-6 of the range of the losses so far, the floor becomes L − max(largest loss − L, |L|). Once
// lowered, it is lowered again by the same formula when L − floor ≤ 0.3·(largest loss − floor). See
// Info.Floor. Set the floor yourself if the loss is noise-free, starts above 0 and has a negative
// minimum: each step goes a fraction of the way to the floor of 0, so such a loss approaches 0
// without falling below it, and the floor stays.
//
// Default with WithoutBound: 0.
func WithLossFloor(b float64) Option { return option("WithLossFloor", b) }
