package l4

import (
	"math"

	"github.com/l4-go/l4/internal/record"
)

// polyak is the paper's rule. It treats the loss as linear along v, and steps a fraction of the way
// to the estimated minimum (Eq. 6). The estimate drops to each smaller loss and otherwise grows
// slowly, so that it is a loss that training can reach soon (section 2.4 and Eq. 5).
type polyak struct {
	fraction, minLossFactor, initFactor, forgetTime, epsilon float64 // α, γ, γ0, τ, ε

	lmin float64 // estimated minimum for the next step; not set before the first step
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

// WithFraction sets α, the fraction of the distance to the estimated minimum that a step goes (Eq.
// 3). Above 0; default 0.15. The paper finds 0.10 to 0.30 useful, and recommends smaller values for
// small batches. Larger values make longer steps.
func WithFraction(alpha float64) Option { return option("WithFraction", alpha) }

// WithMinLossFactor sets γ: a step aims at γ times the smallest recent loss, so that steps do not
// vanish at a new minimum (section 2.4). From 0 to 1; default 0.9. Smaller values make longer
// steps.
func WithMinLossFactor(gamma float64) Option { return option("WithMinLossFactor", gamma) }

// WithInitFactor sets γ0: the first estimate of the minimum is γ0 times the first loss (section
// 2.4). From 0 to 1; default 0.75. Larger values make the first steps shorter.
func WithInitFactor(gamma0 float64) Option { return option("WithInitFactor", gamma0) }

// WithForgetTime sets τ, in steps: the estimate of the minimum grows by the factor 1+1/τ in each
// step (Eq. 5). Above 0; default 1000; +Inf never forgets. Use a smaller value if the smallest loss
// that can be reached rises quickly, for example because the data change.
func WithForgetTime(tau float64) Option { return option("WithForgetTime", tau) }

// WithEpsilon sets ε, which is added to the inner product gᵀv that the step is divided by (Eq. 6).
// At least 0; default 1e-20 with the bound, and the paper's 1e-12 with WithoutBound. ε only avoids
// a division by zero, so few programs need this option.
func WithEpsilon(eps float64) Option { return option("WithEpsilon", eps) }
