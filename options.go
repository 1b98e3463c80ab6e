package l4

import (
	"fmt"
	"math"

	"github.com/pkg/errors"
)

// Option sets a hyper-parameter of a solver. The defaults are those of the paper and rarely need a change;
// the fraction is the first to try.
//
// A value outside the range that an option states is reported by the first Step.
type Option func(*options)

type options struct {
	fraction, minLossFactor, initFactor, forgetTime, epsilon float64

	momentumTime float64
	gradientTime float64 // 0: the same as momentumTime
	varianceTime float64
	adamEpsilon  float64

	clip, clipNorm float64 // 0: none
	l1, l2         float64
	weightDecay    float64
	lossFloor      float64
	maxLearnRate   float64
	guard          float64 // 1 for WithGuard, otherwise 0

	skipNonFinite int // steps in a row
	recorder      func(Info)

	adamOnly string // the last option given that only L4Adam has
	err      error  // of the first bad option
}

func newOptions(opts []Option) options {
	o := options{
		fraction:      0.15,
		minLossFactor: 0.9,
		initFactor:    0.75,
		forgetTime:    1000,
		epsilon:       1e-12,
		momentumTime:  10,
		varianceTime:  1000,
		adamEpsilon:   1e-4,
		maxLearnRate:  math.MaxFloat64,
	}
	for _, opt := range opts {
		if opt == nil {
			o.fail(errors.New("l4: nil Option"))
			continue
		}
		opt(&o)
	}
	return o
}

// hyperParameters are the numbers that training depends on, in the order of a saved state: new ones come last.
func (o *options) hyperParameters() []hyperParameter {
	return []hyperParameter{
		{"WithFraction", &o.fraction}, {"WithMinLossFactor", &o.minLossFactor}, {"WithInitFactor", &o.initFactor},
		{"WithForgetTime", &o.forgetTime}, {"WithEpsilon", &o.epsilon}, {"WithMomentumTime", &o.momentumTime},
		{"WithGradientTime", &o.gradientTime}, {"WithVarianceTime", &o.varianceTime}, {"WithAdamEpsilon", &o.adamEpsilon},
		{"WithClip", &o.clip}, {"WithClipNorm", &o.clipNorm}, {"WithL1Reg", &o.l1}, {"WithL2Reg", &o.l2},
		{"WithWeightDecay", &o.weightDecay}, {"WithLossFloor", &o.lossFloor}, {"WithMaxLearnRate", &o.maxLearnRate},
		{"WithGuard", &o.guard},
	}
}

type hyperParameter struct {
	option string
	value  *float64
}

func (o *options) fail(err error) {
	if o.err == nil {
		o.err = err
	}
}

// set stores x if it lies in its range and records an error otherwise.
func (o *options) set(field *float64, option string, x float64, inRange bool, want string) {
	if !inRange {
		o.fail(errors.Errorf("l4: %s(%v): want %s", option, x, want))
		return
	}
	*field = x
}

func (o *options) setPositive(field *float64, option string, x float64) {
	o.set(field, option, x, x > 0 && !math.IsInf(x, 0), "a finite number above 0")
}

func (o *options) setNotNegative(field *float64, option string, x float64) {
	o.set(field, option, x, x >= 0 && !math.IsInf(x, 0), "a finite number, at least 0")
}

func (o *options) setTime(field *float64, option string, tau float64) {
	// Beyond a million steps 1-1/τ is too coarse a number in float32.
	o.set(field, option, tau, 1 <= tau && tau <= 1e6, "a number of steps from 1 to 1e6")
}

// WithFraction sets α > 0, the fraction of the way to the estimated minimum loss that a step aims for
// (Eq. 3). Default 0.15; useful from 0.10 to 0.30, less for small or noisy batches.
func WithFraction(alpha float64) Option {
	return func(o *options) { o.setPositive(&o.fraction, "WithFraction", alpha) }
}

// WithMinLossFactor sets γ from 0 to 1: a step aims at γ times the smallest loss seen lately, so that it
// has a length even at a new minimum (section 2.4). Default 0.9.
func WithMinLossFactor(gamma float64) Option {
	return func(o *options) {
		o.set(&o.minLossFactor, "WithMinLossFactor", gamma, 0 <= gamma && gamma <= 1, "a number from 0 to 1")
	}
}

// WithInitFactor sets γ0 from 0 to 1: the minimum loss is first estimated as γ0 times the first loss
// (section 2.4). Default 0.75.
func WithInitFactor(gamma0 float64) Option {
	return func(o *options) {
		o.set(&o.initFactor, "WithInitFactor", gamma0, 0 <= gamma0 && gamma0 <= 1, "a number from 0 to 1")
	}
}

// WithForgetTime sets τ > 0, in steps: the estimate of the minimum loss grows by the factor 1+1/τ a step
// (Eq. 5). Default 1000; +Inf never forgets.
func WithForgetTime(tau float64) Option {
	return func(o *options) {
		o.set(&o.forgetTime, "WithForgetTime", tau, tau > 0, "a number of steps above 0")
	}
}

// WithEpsilon sets ε >= 0, added to the inner product that the step is divided by (Eq. 6). Default 1e-12.
func WithEpsilon(eps float64) Option {
	return func(o *options) { o.setNotNegative(&o.epsilon, "WithEpsilon", eps) }
}

// WithMomentumTime sets τm from 1 to 1e6, the time scale in steps of the gradients' running average (Eq. 7).
// The decay factor is 1-1/τm. Default 10.
func WithMomentumTime(tau float64) Option {
	return func(o *options) { o.setTime(&o.momentumTime, "WithMomentumTime", tau) }
}

// WithGradientTime sets τg from 1 to 1e6, the time scale in steps of the gradient estimate g in the inner product gᵀv.
// Default τm, which keeps gᵀv from becoming negative. Where it differs from τm it costs one more word of
// state a parameter. An L4 has no momentum of its own but only g, and goes by this if both are given.
func WithGradientTime(tau float64) Option {
	return func(o *options) { o.setTime(&o.gradientTime, "WithGradientTime", tau) }
}

// WithVarianceTime sets τs from 1 to 1e6, the time scale in steps of the squared gradients' running average (Eq. 7).
// Default 1000. L4Adam only.
func WithVarianceTime(tau float64) Option {
	return func(o *options) {
		o.setTime(&o.varianceTime, "WithVarianceTime", tau)
		o.adamOnly = fmt.Sprintf("WithVarianceTime(%v)", tau)
	}
}

// WithAdamEpsilon sets the number >= 0 that is added to the root of the squared gradients' average in Adam's
// direction, outside the root. Default 1e-4. L4Adam only.
func WithAdamEpsilon(eps float64) Option {
	return func(o *options) {
		o.setNotNegative(&o.adamEpsilon, "WithAdamEpsilon", eps)
		o.adamOnly = fmt.Sprintf("WithAdamEpsilon(%v)", eps)
	}
}

// WithSkipNonFinite makes Step skip a step whose loss or gradients are not finite instead of returning
// ErrNonFinite: the gradients are zeroed, nothing else changes, and Info.Skipped counts it. After n such steps
// in a row the next is an error. Default 0: each is an error.
func WithSkipNonFinite(n int) Option {
	return func(o *options) {
		if n < 0 {
			o.fail(errors.Errorf("l4: WithSkipNonFinite(%d): want a number of steps, at least 0", n))
			return
		}
		o.skipNonFinite = n
	}
}

// WithClip clips each gradient element to the range from -c to c, c > 0, before anything else is done with it.
// Default: none. L4 steps by the loss and not by the size of the gradient, so that this is for losses whose
// gradients explode now and then, as in recurrent nets. The part of the slope that clipping takes off, averaged on the
// time scale of g, is taken off the wanted progress as well: otherwise steps would be the longer the more is clipped.
func WithClip(c float64) Option {
	return func(o *options) { o.setPositive(&o.clip, "WithClip", c) }
}

// WithClipNorm scales all gradients down together where their common Euclidean norm is above c > 0, before
// anything else is done with them but WithClip. Default: none.
func WithClipNorm(c float64) Option {
	return func(o *options) { o.setPositive(&o.clipNorm, "WithClipNorm", c) }
}

// WithL2Reg adds λ/2·‖w‖² over all parameters, λ >= 0, to the loss that the step is computed from, and its
// gradient λ·w to the gradients, after clipping, so that the step is that of a graph whose loss contains the
// penalty. Default 0. To leave out some parameters, such as biases, write the penalty into the graph.
func WithL2Reg(lambda float64) Option {
	return func(o *options) { o.setNotNegative(&o.l2, "WithL2Reg", lambda) }
}

// WithL1Reg adds λ·‖w‖₁ over all parameters, λ >= 0, to the loss that the step is computed from, and its gradient
// λ·sign(w) to the gradients; see WithL2Reg. Default 0.
func WithL1Reg(lambda float64) Option {
	return func(o *options) { o.setNotNegative(&o.l1, "WithL1Reg", lambda) }
}

// WithWeightDecay multiplies all weights by 1-λ, 0 <= λ < 1, in each step, just before -η·v is added. It is
// decoupled from the loss as in AdamW (I. Loshchilov and F. Hutter, ICLR 2019): neither gradients nor inner
// product know of it. It is also decoupled from η, which in L4 spans orders of magnitude, where implementations
// of AdamW take off the learning rate times λ: their λ of 0.01 at a rate of 1e-3 is 1e-5 here. Default 0. In float32
// 1-λ is 1 for a λ below 3e-8.
//
// WithL2Reg changes what is minimised, and the loss converges to the minimum of that. WithWeightDecay keeps
// weights small that the loss does not hold in place, and then the loss itself stays above its minimum.
func WithWeightDecay(lambda float64) Option {
	return func(o *options) {
		o.set(&o.weightDecay, "WithWeightDecay", lambda, 0 <= lambda && lambda < 1, "a number from 0 to below 1")
	}
}

// WithLossFloor sets b, a lower bound of the loss with its penalty (see WithL2Reg): the step uses L - b. Default 0. It
// is for losses that can be negative, such as negative log densities, and for those known to stay above some
// number. A loss below b is ErrNegativeLoss. The closer to what can be attained the better: what lies between is
// progress that L4 expects to make.
func WithLossFloor(b float64) Option {
	return func(o *options) {
		o.set(&o.lossFloor, "WithLossFloor", b, !math.IsNaN(b) && !math.IsInf(b, 0), "a finite number")
	}
}

// WithMaxLearnRate sets a cap > 0 on the magnitude of the learning rate η. Default: none. That of an L4 is the rate
// along a direction as long as g, whatever the inner solver's own rate.
func WithMaxLearnRate(eta float64) Option {
	return func(o *options) { o.setPositive(&o.maxLearnRate, "WithMaxLearnRate", eta) }
}

// WithRecorder calls f after each successful step with what Last would return, to log or plot it. It costs the
// call.
func WithRecorder(f func(Info)) Option {
	return func(o *options) { o.recorder = f }
}
