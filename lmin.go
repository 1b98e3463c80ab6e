package l4

import (
	"math"

	"github.com/l4-go/l4/internal/record"
)

// polyak is the paper's rule: with the loss taken as linear along v, go a fraction of the way to
// the estimated minimum (Eq. 6). The estimate is the smallest loss seen, slowly forgotten, so that
// it means a loss that is attainable soon (section 2.4 and Eq. 5).
type polyak struct {
	fraction, minLossFactor, initFactor, forgetTime, epsilon float64 // α, γ, γ0, τ, ε

	lmin float64 // the estimate, of the next step if there has been one
}

func newPolyak(o options) *polyak {
	return &polyak{fraction: o.fraction, minLossFactor: o.minLossFactor, initFactor: o.initFactor,
		forgetTime: o.forgetTime, epsilon: o.epsilon}
}

func (p *polyak) rate(m measured) (eta, lmin float64) {
	if m.step == 1 {
		p.lmin = p.initFactor * m.loss
	} else {
		p.lmin = min(p.lmin+m.lowered, m.loss)
	}
	lmin = p.lmin
	p.lmin = min(p.lmin*(1+1/p.forgetTime), math.MaxFloat64)
	return p.fraction * (m.loss - p.minLossFactor*lmin) * m.share / (m.dot + p.epsilon), lmin
}

func (p *polyak) fields(c *record.Codec) { c.Float("Lmin", &p.lmin, 0, math.MaxFloat64) }

// WithFraction sets α > 0, the fraction of the way to the estimated minimum loss that a step aims
// for (Eq. 3). Default 0.15; useful from 0.10 to 0.30, less for small or noisy batches.
func WithFraction(alpha float64) Option { return option("WithFraction", alpha) }

// WithMinLossFactor sets γ from 0 to 1: a step aims at γ times the smallest loss seen lately, so
// that it has a length even at a new minimum (section 2.4). Default 0.9.
func WithMinLossFactor(gamma float64) Option { return option("WithMinLossFactor", gamma) }

// WithInitFactor sets γ0 from 0 to 1: the minimum loss is first estimated as γ0 times the first
// loss (section 2.4). Default 0.75.
func WithInitFactor(gamma0 float64) Option { return option("WithInitFactor", gamma0) }

// WithForgetTime sets τ > 0, in steps: the estimate of the minimum loss grows by the factor 1+1/τ a
// step (Eq. 5). Default 1000; +Inf never forgets.
func WithForgetTime(tau float64) Option { return option("WithForgetTime", tau) }

// WithEpsilon sets ε >= 0, added to the inner product that the step is divided by (Eq. 6). Default
// 1e-20 within the bound, and the paper's 1e-12 with WithoutBound.
func WithEpsilon(eps float64) Option { return option("WithEpsilon", eps) }
