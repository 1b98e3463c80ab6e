package l4

import (
	"math"

	"github.com/l4-go/l4/internal/record"
)

// bound limits the length of a step. With the reach r, which is the largest distance of the weights
// from their start w0, and the length P of their path,
//
//	‖η·v‖ ≤ k·ρ/√(2τm−1) · r·min(1, r/P)
//
// k is 1, or 3 while the average loss is at a new minimum. Successive running averages over τm
// gradients are correlated over 2τm−1 steps, hence the root. docs/bound.md explains the rule.
type bound struct {
	rho          float64 // ρ/√(2τm−1)
	momentumTime float64 // τm
	fraction     float64 // α

	steps   int     // number of steps of nonzero length
	reach   float64 // r
	path    float64 // P
	bent    bool    // P has been above 2r
	average float64 // S, running average of the loss above its floor
	best    float64 // smallest average so far
}

const (
	firstReach = 0.1 // first reach as a share of ‖w0‖
	bend       = 2.0 // P/r above which the path counts as bent
	falling    = 3.0 // k while the average loss is at a new minimum
)

func newBound(o options) *bound {
	return &bound{rho: o.bound / math.Sqrt(2*o.momentumTime-1), momentumTime: o.momentumTime,
		fraction: o.fraction}
}

// started reports whether a step has had a nonzero length. The weights before the first such step
// are the start w0.
func (b *bound) started() bool { return b != nil && b.steps > 0 }

// limit reduces the learning rate of info until the step is within the bound, and fills the bound's
// fields of info.
func (b *bound) limit(m measured, info Info) Info {
	if b.started() {
		b.average = min(b.average+m.lowered, math.MaxFloat64)
		b.best = min(b.best+m.lowered, math.MaxFloat64)
	}
	norm := math.Sqrt(m.square)
	length := info.LearnRate * norm
	// If all gradients are 0, v may still be nonzero, but the loss does not say how far to step.
	if m.idle || !(info.LearnRate > 0 && m.dot > 0 && length > 0 && isFinite(length)) {
		info.LearnRate = 0
		info.Reach, info.Path = b.reach, b.path
		return info
	}
	if !b.started() {
		b.reach = firstReach * m.start
		if b.reach == 0 { // use the distance at which the linearized loss reaches γ·Lmin
			b.reach = min(m.rate*norm/b.fraction, math.MaxFloat64)
		}
		b.average, b.best = m.loss, m.loss
	}
	b.steps++
	if isFinite(m.distance) { // a weight may be NaN or infinite
		b.reach = max(b.reach, m.distance)
	}
	b.average += max(1/b.momentumTime, 1/float64(b.steps)) * (m.loss - b.average)
	b.bent = b.bent || b.path > bend*b.reach
	limit := b.rho * b.reach
	if b.average < b.best {
		limit *= falling
		if b.bent {
			b.path *= b.average / b.best
		}
		b.best = b.average
	}
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

func (b *bound) fields(c *record.Codec) {
	const largest = math.MaxFloat64
	c.Count(&b.steps)
	c.Float("the reach", &b.reach, 0, largest)
	c.Float("the path", &b.path, 0, largest)
	c.Flag(&b.bent)
	c.Float("the average loss", &b.average, 0, largest)
	c.Float("the best average loss", &b.best, 0, largest)
}

// WithBound sets ρ of the bound on the length of a step,
//
//	‖η·v‖ ≤ k·ρ/√(2τm−1) · r·min(1, r/P)
//
// r is the largest distance of the weights from their start, at first a tenth of the norm of the
// weights, and P is the length of their path. k is 3 while the average loss is at a new minimum,
// otherwise 1. Above 0; default 0.12. Larger values find distant minima sooner, but with about 0.3
// or more, training fails in noise.
//
// With the bound, WithEpsilon and WithAdamEpsilon default to 1e-20 and 1e-8, so that steps do not
// depend on the unit of the loss.
func WithBound(rho float64) Option { return option("WithBound", rho) }

// WithoutBound selects the paper's algorithm: η follows Eq. 6 without limit, and WithEpsilon and
// WithAdamEpsilon default to the paper's values. A loss below its floor is then ErrNegativeLoss.
// Use it to reproduce the paper, or on clean data without batch normalization. Training diverges if
// the loss cannot come near its floor, as with wrong labels, small batches or noise.
func WithoutBound() Option {
	return func(o *options) { o.bound = 0 }
}
