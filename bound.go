package l4

import (
	"math"

	"github.com/l4-go/l4/internal/record"
)

// bound limits the length of a step by the distance that the weights have gained so far. The longer
// their path is for that distance, the shorter the step. With the reach r, the largest distance of
// the weights from their start w0, and the length P of their path,
//
//	‖η·v‖ ≤ ρ/√(2τm−1) · r·min(1, r/P)
//
// A running average over τm gradients gives successive steps a correlation time of 2τm−1.
type bound struct {
	rho      float64 // ρ/√(2τm−1)
	fraction float64 // α

	started bool    // there has been a step of some length, and so a start
	steps   int     // counted from that step
	reach   float64 // r
	path    float64 // P
	average float64 // running average of the loss above its floor
	record  float64 // smallest average so far; at first a tenth of the first loss
}

// Where the loss falls by orders of magnitude, the path shrinks in proportion, so that the bound
// does not slow down convergence. lossTime is the time scale, in steps, of the running average of
// the loss.
const (
	firstRecord = 0.1
	lossTime    = 30
)

func newBound(o options) *bound {
	return &bound{rho: o.bound / math.Sqrt(2*o.momentumTime-1), fraction: o.fraction}
}

func (b *bound) limit(m measured, info Info) Info {
	norm := math.Sqrt(m.square)
	length := info.LearnRate * norm
	// Without a gradient the averages still have a direction, but the loss says nothing about it.
	if m.idle || !(info.LearnRate > 0 && m.dot > 0 && length > 0 && isFinite(length)) {
		info.LearnRate = 0
		info.Reach, info.Path = b.reach, b.path
		return info
	}
	if !b.started {
		// The distance at which the linearised loss would reach its estimated minimum.
		b.started, b.reach = true, min(m.rate*norm/b.fraction, math.MaxFloat64)
		b.average, b.record = m.loss, firstRecord*m.loss
	}
	b.steps++
	if m.distance > b.reach && isFinite(m.distance) { // a weight may be NaN or infinite
		b.reach = m.distance
	}
	b.forget(m)
	limit := b.rho * b.reach
	if b.path > b.reach {
		limit *= b.reach / b.path
	}
	if length > limit {
		info.LearnRate, length = limit/norm, limit
	}
	b.path = min(b.path+length, math.MaxFloat64)
	info.Length, info.Limit, info.Reach, info.Path = length, limit, b.reach, b.path
	return info
}

// forget shortens the path where the loss falls below its record.
func (b *bound) forget(m measured) {
	b.average += max(1.0/lossTime, 1/float64(b.steps)) * (m.loss - b.average)
	if b.average < b.record {
		b.path *= b.average / b.record
		b.record = b.average
	}
}

func (b *bound) fields(c *record.Codec) {
	const largest = math.MaxFloat64
	c.Flag(&b.started)
	c.Count(&b.steps)
	c.Float("the reach", &b.reach, 0, largest)
	c.Float("the path", &b.path, 0, largest)
	c.Float("the average loss", &b.average, 0, largest)
	c.Float("the record of the loss", &b.record, 0, largest)
	if c.Reading() && b.started != (b.steps > 0) {
		c.Fail("a bound that has started, %v, after %d steps", b.started, b.steps)
	}
}

// WithBound sets ρ > 0 of the bound on the length of a step,
//
//	‖η·v‖ ≤ ρ/√(2τm−1) · r·min(1, r/P)
//
// where r is the largest distance of the weights from their start and P the length of the path so
// far. Default 0.15. Larger values find far targets sooner, and fail in noise from about 0.3 on.
func WithBound(rho float64) Option {
	return func(o *options) { o.setPositive(&o.bound, "WithBound", rho) }
}

// WithoutBound gives the paper's algorithm: η follows Eq. 6, whatever its size. A loss below its
// floor is then ErrNegativeLoss. This diverges where the loss cannot come near its floor, as with
// wrong labels, small batches or noise.
func WithoutBound() Option {
	return func(o *options) { o.bound = 0 }
}
