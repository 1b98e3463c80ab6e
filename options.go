package l4

import (
	"log/slog"
	"math"

	"github.com/pkg/errors"

	"github.com/l4-go/l4/internal/record"
)

// Option sets a hyper-parameter of a solver. The defaults come from the paper, except for the
// bound, and rarely need a change; try the fraction first.
//
// A value outside the range that an option states is reported by the first Step.
type Option func(*options)

type options struct {
	fraction, minLossFactor, initFactor, forgetTime, epsilon float64

	momentumTime float64
	gradientTime float64 // that of the momentum unless it is given
	varianceTime float64
	adamEpsilon  float64

	clip, clipNorm float64 // 0: none
	l1, l2         float64
	weightDecay    *schedule
	decays         func(name string, shape []int) bool // nil: all
	lossFloor      float64
	floorGiven     bool
	bound          float64 // ρ; 0: none
	maxLearnRate   *schedule

	uncheckedOps  bool // see WithUncheckedOps
	skipNonFinite int  // steps in a row
	recorder      func(Info)
	logger        *slog.Logger

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
		bound:         0.15,
		weightDecay:   constant(0),
		maxLearnRate:  constant(math.MaxFloat64),
	}
	for _, opt := range opts {
		if opt == nil {
			o.fail(errors.New("l4: nil Option"))
			continue
		}
		opt(&o)
	}
	if o.gradientTime == 0 {
		o.gradientTime = o.momentumTime
	}
	return o
}

// fields lists the numbers that training depends on. A saved state must have the same.
func (o *options) fields(c *record.Codec) {
	lossFloor := o.lossFloor
	if o.floorMoves() {
		lossFloor = math.Inf(-1)
	}
	for _, x := range []struct {
		option string
		value  float64
	}{
		{"WithBound", o.bound}, {"WithFraction", o.fraction},
		{"WithMinLossFactor", o.minLossFactor},
		{"WithInitFactor", o.initFactor}, {"WithForgetTime", o.forgetTime},
		{"WithEpsilon", o.epsilon},
		{"WithMomentumTime", o.momentumTime}, {"WithGradientTime", o.gradientTime},
		{"WithVarianceTime", o.varianceTime}, {"WithAdamEpsilon", o.adamEpsilon},
		{"WithClip", o.clip}, {"WithClipNorm", o.clipNorm},
		{"WithL1Reg", o.l1}, {"WithL2Reg", o.l2},
		{"WithWeightDecay", o.weightDecay.fixed}, {"WithLossFloor", lossFloor},
		{"WithMaxLearnRate", o.maxLearnRate.fixed},
	} {
		saved := x.value
		c.Any(&saved)
		if c.Err() == nil && math.Float64bits(saved) != math.Float64bits(x.value) {
			c.Fail("made with %s(%v), this solver has %v", x.option, saved, x.value)
		}
	}
}

// floorMoves reports whether a loss below the floor lowers it.
func (o *options) floorMoves() bool { return o.bound > 0 && !o.floorGiven }

func (o *options) fail(err error) {
	if o.err == nil {
		o.err = err
	}
}

// refuseAdamOnly records an error if an option was given that only L4Adam has.
func (o *options) refuseAdamOnly() {
	if o.adamOnly != "" {
		o.fail(errors.Errorf("l4: %s: only L4Adam has this option; leave it out", o.adamOnly))
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
	o.set(field, option, x, x > 0 && isFinite(x), "a finite number above 0")
}

func (o *options) setNotNegative(field *float64, option string, x float64) {
	o.set(field, option, x, x >= 0 && isFinite(x), "a finite number, at least 0")
}

func (o *options) setShare(field *float64, option string, x float64) {
	o.set(field, option, x, 0 <= x && x <= 1, "a number from 0 to 1")
}

func (o *options) setTime(field *float64, option string, tau float64) {
	// Beyond a million steps 1-1/τ is too coarse a number in float32.
	o.set(field, option, tau, 1 <= tau && tau <= 1e6, "a number of steps from 1 to 1e6")
}

// WithSkipNonFinite makes Step skip a step whose loss or gradients are not finite instead of
// returning ErrNonFinite: the gradients are zeroed, nothing else changes, and Info.Skipped counts
// it. After n such steps in a row the next is an error. Default 0: each is an error.
func WithSkipNonFinite(n int) Option {
	return func(o *options) {
		if n < 0 {
			o.fail(errors.Errorf("l4: WithSkipNonFinite(%d): want a number of steps from 0 on", n))
			return
		}
		o.skipNonFinite = n
	}
}

// WithRecorder calls f with the Info of each successful step, to log or plot it.
func WithRecorder(f func(Info)) Option {
	return func(o *options) { o.recorder = f }
}
