package l4

import "gorgonia.org/gorgonia"

// L4Mom is L4 along the momentum direction: with m̂ the bias-corrected running average of the
// gradients,
//
//	v = g = m̂
//
// It keeps one word of state a parameter.
type L4Mom struct{ Solver }

var _ gorgonia.Solver = (*L4Mom)(nil)

// NewL4Mom returns a solver that minimises loss; see NewL4Adam.
func NewL4Mom(loss gorgonia.Valuer, opts ...Option) *L4Mom {
	o := newOptions(opts)
	o.refuseAdamOnly()
	return &L4Mom{newSolver("L4Mom", loss, o, func(o options) direction {
		return newAveraged(o, 0, 0)
	})}
}
