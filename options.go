package l4

import (
	"fmt"
	"log/slog"
	"math"

	"github.com/pkg/errors"

	"github.com/l4-go/l4/internal/record"
)

// Option sets a hyperparameter of a solver. The defaults are the paper's, except for the bound and,
// with the bound, for the two ε (WithEpsilon, WithAdamEpsilon). They rarely need to change. If you
// tune one, tune WithFraction first.
//
// The first Step returns an error if a value is out of range.
type Option func(*options)

// options holds the options of a solver. The method hyperparameters lists the options that are one
// number.
type options struct {
	bound                                           float64 // ρ; 0: WithoutBound
	fraction, minLossFactor, initFactor, forgetTime float64
	epsilon                                         float64
	momentumTime, gradientTime, varianceTime        float64
	adamEpsilon                                     float64
	clip, clipNorm                                  float64 // 0: no clipping
	l1, l2                                          float64
	weightDecay                                     float64 // 0 with a schedule
	lossFloor                                       float64 // -Inf: a floor that moves
	maxLearnRate                                    float64 // 0 with a schedule

	decayAt, maxRateAt schedule
	decays             func(name string, shape []int) bool // nil: all tensors decay

	uncheckedOps  bool // see WithUncheckedOps
	skipNonFinite int  // steps in a row
	recorder      func(Info)
	logger        *slog.Logger

	adamOnly string // the last option that only L4Adam has
	err      error  // error of the first bad option
}

// hyperparameter is an option that is one number.
type hyperparameter struct {
	option string
	field  *float64
	preset float64
	check
}

// setting returns the option that sets x, as the program writes it.
func (n hyperparameter) setting(x float64) string {
	switch {
	case n.option == "WithBound" && x == 0:
		return "WithoutBound"
	case x == n.preset && (x == 0 || math.Abs(x) >= math.MaxFloat64):
		return "no " + n.option
	}
	return fmt.Sprintf("%s(%v)", n.option, x)
}

// check is the range of a number.
type check struct {
	ok   func(x float64) bool
	want string // the range, as errors name it
}

var (
	wantPositive = check{func(x float64) bool { return x > 0 && isFinite(x) },
		"a finite number above 0"}
	wantNotNegative = check{func(x float64) bool { return x >= 0 && isFinite(x) },
		"a finite number, at least 0"}
	wantShare = check{func(x float64) bool { return 0 <= x && x <= 1 }, "a number from 0 to 1"}
	wantDecay = check{func(x float64) bool { return 0 <= x && x < 1 },
		"a number from 0 to below 1"}
	// Above a million steps float32 cannot represent 1-1/τ accurately.
	wantTime = check{func(x float64) bool { return 1 <= x && x <= 1e6 },
		"a number of steps from 1 to 1e6"}
	wantSteps  = check{func(x float64) bool { return x > 0 }, "a number of steps above 0"}
	wantFinite = check{isFinite, "a finite number"}
)

// unset marks a number whose default depends on other options.
const unset = -1

// hyperparameters lists the options that are one number, in the order of saved states.
func (o *options) hyperparameters() [17]hyperparameter {
	return [...]hyperparameter{
		{"WithBound", &o.bound, 0.12, wantPositive},
		{"WithFraction", &o.fraction, 0.15, wantPositive},
		{"WithMinLossFactor", &o.minLossFactor, 0.9, wantShare},
		{"WithInitFactor", &o.initFactor, 0.75, wantShare},
		{"WithForgetTime", &o.forgetTime, 1000, wantSteps},
		{"WithEpsilon", &o.epsilon, unset, wantNotNegative},
		{"WithMomentumTime", &o.momentumTime, 10, wantTime},
		{"WithGradientTime", &o.gradientTime, unset, wantTime},
		{"WithVarianceTime", &o.varianceTime, 1000, wantTime},
		{"WithAdamEpsilon", &o.adamEpsilon, unset, wantNotNegative},
		{"WithClip", &o.clip, 0, wantPositive},
		{"WithClipNorm", &o.clipNorm, 0, wantPositive},
		{"WithL1Reg", &o.l1, 0, wantNotNegative},
		{"WithL2Reg", &o.l2, 0, wantNotNegative},
		{"WithWeightDecay", &o.weightDecay, 0, wantDecay},
		{"WithLossFloor", &o.lossFloor, math.Inf(-1), wantFinite},
		{"WithMaxLearnRate", &o.maxLearnRate, math.MaxFloat64, wantPositive},
	}
}

func newOptions(opts []Option) options {
	var o options
	for _, n := range o.hyperparameters() {
		*n.field = n.preset
	}
	for _, opt := range opts {
		if opt == nil {
			o.fail(errors.New("l4: an Option is nil"))
			continue
		}
		opt(&o)
	}
	setDefault(&o.gradientTime, o.momentumTime)
	if o.bound > 0 {
		setDefault(&o.epsilon, 1e-20)
		setDefault(&o.adamEpsilon, 1e-8)
	} else { // the paper's values, which depend on the unit of the loss
		setDefault(&o.epsilon, 1e-12)
		setDefault(&o.adamEpsilon, 1e-4)
		if math.IsInf(o.lossFloor, -1) {
			o.lossFloor = 0
		}
	}
	if o.decayAt == nil {
		o.decayAt = constant(o.weightDecay)
	}
	if o.maxRateAt == nil {
		o.maxRateAt = constant(o.maxLearnRate)
	}
	return o
}

func setDefault(field *float64, x float64) {
	if *field == unset {
		*field = x
	}
}

// option returns an Option that sets a number.
func option(name string, x float64) Option { return func(o *options) { o.set(name, x) } }

// set sets the number of an option, or records an error if the number is out of range.
func (o *options) set(option string, x float64) {
	for _, n := range o.hyperparameters() {
		switch {
		case n.option != option:
		case n.ok(x):
			*n.field = x
		default:
			o.fail(errors.Errorf("l4: %s(%v): want %s", option, x, n.want))
		}
	}
}

// schedule returns a schedule that checks the values of the user's function at. It records an error
// if at is nil.
func (o *options) schedule(option string, at func(step int) float64, c check) schedule {
	if at == nil {
		o.fail(errors.Errorf("l4: %s: the function is nil: pass a function", option))
		return nil
	}
	return func(step int) (float64, error) {
		x := at(step)
		if !c.ok(x) {
			return 0, errors.Errorf("l4: %s: %v in step %d: want %s", option, x, step, c.want)
		}
		return x, nil
	}
}

// fields lists the hyperparameters. A state whose hyperparameters differ is an error.
func (o *options) fields(c *record.Codec) {
	for _, n := range o.hyperparameters() {
		saved := *n.field
		c.Any(&saved)
		if c.Err() == nil && math.Float64bits(saved) != math.Float64bits(*n.field) {
			c.Fail("saved with %s, but this solver has %s: create the solver with the same options",
				n.setting(saved), n.setting(*n.field))
		}
	}
}

// fail records an error, which the first Step returns. The first error wins.
func (o *options) fail(err error) {
	if o.err == nil {
		o.err = err
	}
}

// WithRecorder calls f with the Info of each successful step, for example to log or plot it.
// Default: none.
func WithRecorder(f func(Info)) Option {
	return func(o *options) { o.recorder = f }
}
