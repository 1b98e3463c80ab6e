package l4

import (
	"fmt"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"
)

// L4Adam follows Adam's direction. With the bias-corrected running averages m̂ of the gradients and
// ŝ of their squares,
//
//	v = m̂ / (√ŝ + ε),  g = m̂
//
// (paper, Eq. 7; WithAdamEpsilon sets ε). It keeps two numbers per weight, and a third with the
// bound. It is the solver to start with.
type L4Adam struct{ Solver }

var _ gorgonia.Solver = (*L4Adam)(nil)

// NewL4Adam returns a solver that minimizes loss, usually the *gorgonia.Node that was passed to
// gorgonia.Grad. The value of loss must be a scalar or a tensor of one element, float32 or float64,
// and a virtual machine must compute it before each Step.
//
// If loss is nil, Step searches each new graph for the loss: the node that was passed to
// gorgonia.Grad. Use nil if a framework hides the loss, if you create the solver before the graph,
// or if several graphs share the weights. Step returns an error if gorgonia.Grad was not called, or
// was called for several losses. The weights must be nodes. A Lisp machine computes gradients
// without gorgonia.Grad, so it needs a loss that is not nil.
//
// A bad option is reported by the first Step.
func NewL4Adam(loss gorgonia.Valuer, opts ...Option) *L4Adam {
	return &L4Adam{newSolver("L4Adam", loss, newOptions(opts), func(o options) direction {
		return newAveraged(o, o.varianceTime, o.adamEpsilon)
	})}
}

// WithVarianceTime sets τs, the time scale in steps of the running average of squared gradients:
// its decay factor is 1−1/τs (Eq. 7). From 1 to 1e6; default 1000. L4Adam only. Use a smaller value
// if the scale of the gradients changes quickly.
func WithVarianceTime(tau float64) Option {
	return func(o *options) {
		o.set("WithVarianceTime", tau)
		o.adamOnly = fmt.Sprintf("WithVarianceTime(%v)", tau)
	}
}

// WithAdamEpsilon sets the ε of Adam's direction m̂/(√ŝ + ε). At least 0; default 1e-8 with the
// bound, and the paper's 1e-4 with WithoutBound. L4Adam only. Use a larger value to limit the steps
// of weights whose gradients are tiny.
func WithAdamEpsilon(eps float64) Option {
	return func(o *options) {
		o.set("WithAdamEpsilon", eps)
		o.adamOnly = fmt.Sprintf("WithAdamEpsilon(%v)", eps)
	}
}

// rejectAdamOnly records an error if the program passed an option that only L4Adam has.
func (o *options) rejectAdamOnly() {
	if o.adamOnly != "" {
		o.fail(errors.Errorf("l4: %s: only L4Adam has this option: remove it", o.adamOnly))
	}
}
