package l4

import (
	"fmt"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"
)

// L4Adam is L4 along Adam's direction: with m̂ and ŝ the bias-corrected running averages of the
// gradients and of their squares,
//
//	v = m̂ / (√ŝ + ε),  g = m̂
//
// (paper, Eq. 7; WithAdamEpsilon sets ε). It keeps two words of state a parameter. Start with this one.
type L4Adam struct{ Solver }

var _ gorgonia.Solver = (*L4Adam)(nil)

// NewL4Adam returns a solver that minimises loss, a scalar or a tensor of one element that a
// virtual machine evaluates before each Step, usually the *gorgonia.Node that was given to
// gorgonia.Grad.
//
// A nil loss, also a nil pointer to a node, is the loss that the gradients are of: Step finds the
// node that gorgonia.Grad started from, once for each graph that the weights come from. Use it
// where a framework hides the loss, where the solver is made before the graph, and for several
// graphs over the same weights. Step returns an error if there is no such node, or more than one.
// The weights must be nodes, and gorgonia.Grad must have been called, which a Lisp machine does not
// need.
func NewL4Adam(loss gorgonia.Valuer, opts ...Option) *L4Adam {
	return &L4Adam{newSolver("L4Adam", loss, newOptions(opts), func(o options) direction {
		return newAveraged(o, o.varianceTime, o.adamEpsilon)
	})}
}

// WithVarianceTime sets τs from 1 to 1e6, the time scale in steps of the squared gradients' running
// average (Eq. 7). Default 1000. L4Adam only.
func WithVarianceTime(tau float64) Option {
	return func(o *options) {
		o.set("WithVarianceTime", tau)
		o.adamOnly = fmt.Sprintf("WithVarianceTime(%v)", tau)
	}
}

// WithAdamEpsilon sets the number >= 0 that is added to the root of the squared gradients' average
// in Adam's direction, outside the root. Default 1e-8 within the bound, and the paper's 1e-4 with
// WithoutBound. L4Adam only.
func WithAdamEpsilon(eps float64) Option {
	return func(o *options) {
		o.set("WithAdamEpsilon", eps)
		o.adamOnly = fmt.Sprintf("WithAdamEpsilon(%v)", eps)
	}
}

// refuseAdamOnly records an error if an option was given that only L4Adam has.
func (o *options) refuseAdamOnly() {
	if o.adamOnly != "" {
		o.fail(errors.Errorf("l4: %s: only L4Adam has this option; leave it out", o.adamOnly))
	}
}
