package l4

import "math"

// guard is the controller behind WithGuard. From scalars of a step it finds out where L4 overshoots time and again
// without getting anywhere, and shortens the step there. docs/guard.md has the reasons and the evidence.
//
// It measures the slope ratio: the slope that the loss has along the last step's direction, over the slope gᵀv that
// this step was computed with. Below zero the step went too far. That alone is no fault: along a ravine L4 does so
// all the time and gets ahead. Overshooting while the averaged loss makes no progress is.
type guard struct {
	trust  float64 // logarithm of the factor c on the steps, before it is cut off at 0
	loss   float64 // slow running average of the loss
	recent float64 // fast one
	record float64 // follows the slow average down, with a long delay
	dot    float64 // gᵀv of the last step, 0 if there is none to speak of
	hold   float64 // largest gᵀv lately
}

const (
	trustGain    = 0.1       // change of the trust in a step, for a slope ratio or a credit of 1
	trustDrift   = 0.01      // slope ratio at which trust stays as it is; it falls where ratios are mere noise
	trustSlack   = 0.25      // upper limit of the trust
	slowWeight   = 1.0 / 100 // of a new loss in the slow average; of a step in what trust may fall to
	recentWeight = 1.0 / 10
	recordWeight = 1.0 / 500
	outlier      = 10.0 // gaps above the slow average that a loss counts as at most, if gᵀv is as usual
	holdKeep     = 0.95 // of the largest gᵀv, from step to step
)

// advance takes in a step and returns the progress that it should aim for, and the inner product to divide that by, in
// place of loss - target and dot. ratio is the slope ratio, and idle says that there is no gradient at all. A nil guard
// leaves things as they are.
func (g *guard) advance(step int, loss, target, dot, ratio float64, idle bool) (progress, divisor float64) {
	if g == nil {
		return loss - target, dot
	}
	if step == 1 {
		*g = guard{trust: trustSlack, loss: loss, recent: loss, record: loss}
	}
	young := 1 / float64(step) // the weights while the averages are younger than their time scales
	if gap := g.loss - target; gap > 0 {
		allowed := outlier * gap
		if g.dot > 0 { // a loss that comes with a gradient to match is no outlier
			allowed *= max(1, dot/g.dot)
		}
		loss = min(loss, g.loss+float64(allowed))
	}
	// The conversions keep products from being fused into sums, which would make bits depend on the processor.
	g.loss += float64((loss - g.loss) * max(slowWeight, young))
	g.recent += float64((loss - g.recent) * max(recentWeight, young))
	gap := max(g.loss-target, 0)
	g.record -= float64(max(g.record-g.loss, 0) * max(recordWeight, young))
	g.record = min(g.record, g.loss+gap)

	credit := 0.0 // for progress, from 0 to 1
	if ahead := g.record - g.loss; ahead > 0 && g.recent <= g.loss {
		credit = ahead / gap * (ahead / gap)
	}
	if step > 1 {
		lowest := -math.Log1p(slowWeight * float64(step)) // so that the sum of all steps has no limit
		g.trust = max(lowest, min(g.trust+float64(trustGain*(ratio+credit-trustDrift)), trustSlack))
	}
	g.dot = 0
	if !(dot > 0) || math.IsInf(dot, 1) {
		return 0, dot
	}
	g.dot = dot
	keep := 0.0
	if g.trust < 0 {
		keep = holdKeep * (1 - credit)
	}
	g.hold = max(dot, keep*g.hold)
	if idle {
		return 0, dot
	}
	return g.factor() * (loss - target), g.hold
}

// clampRatio keeps a slope ratio between -1 and 1; one that is not a number says nothing.
func clampRatio(r float64) float64 {
	if math.IsNaN(r) {
		return 0
	}
	return max(-1, min(r, 1))
}

// factor returns c.
func (g *guard) factor() float64 {
	if g == nil {
		return 1
	}
	return math.Exp(min(g.trust, 0))
}

// lastDot returns the inner product that a slope is to be divided by, 0 if there is none.
func (g *guard) lastDot() float64 {
	if g == nil {
		return 0
	}
	return g.dot
}

// forgetDirection makes the next step go without a slope ratio.
func (g *guard) forgetDirection() {
	if g != nil {
		g.dot = 0
	}
}

// numbers are those of a saved state.
func (g *guard) numbers() []*float64 {
	if g == nil {
		return nil
	}
	return []*float64{&g.trust, &g.loss, &g.recent, &g.record, &g.dot, &g.hold}
}

// WithGuard is to keep L4 from diverging where the loss cannot come near zero, as with wrong labels: where steps overshoot
// while the loss makes no progress they are shortened, by a factor from 1 down to 1/(1+t/100) in step t, and losses far
// above their average count as less. It also takes no step where there is no gradient at all, nor where gᵀv is not above
// zero. Info.Trust tells the factor. Otherwise the steps are L4's own as long as the factor is 1. It costs an inner
// product more a step. Default: no guard, as in the paper.
//
// For losses that come near zero it makes next to no difference; for all others it is the first option to try. After a
// loss that was huge at first, or that jumps from next to nothing to stay up, it needs some hundred steps to adjust.
// See docs/guard.md in the repository.
func WithGuard() Option {
	return func(o *options) { o.guard = 1 }
}
