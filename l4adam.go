package l4

import "gorgonia.org/gorgonia"

// L4Adam is L4 along Adam's direction: with m̂ and ŝ the bias-corrected running averages of the gradients
// and of their squares,
//
//	v = m̂ / (√ŝ + 1e-4),  g = m̂
//
// (paper, Eq. 7). It keeps two words of state a parameter. It is the one to start with.
type L4Adam struct{ Solver }

var _ gorgonia.Solver = (*L4Adam)(nil)

// NewL4Adam returns a solver that minimises loss, a scalar or a tensor of one element that a virtual
// machine evaluates before each Step, usually the *gorgonia.Node that was given to gorgonia.Grad.
func NewL4Adam(loss gorgonia.Valuer, opts ...Option) *L4Adam {
	return &L4Adam{newSolver(loss, kindAdam, opts)}
}
