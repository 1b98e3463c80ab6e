package l4

import "gorgonia.org/gorgonia"

// L4Mom follows the momentum. With the bias-corrected running average m̂ of the gradients,
//
//	v = g = m̂
//
// It keeps one number per weight, and a second with the bound. Use it if memory is scarce and all
// parameters have similar scales.
type L4Mom struct{ Solver }

var _ gorgonia.Solver = (*L4Mom)(nil)

// NewL4Mom returns a solver that minimizes loss. See NewL4Adam for loss and opts.
func NewL4Mom(loss gorgonia.Valuer, opts ...Option) *L4Mom {
	o := newOptions(opts)
	o.rejectAdamOnly()
	return &L4Mom{newSolver("L4Mom", loss, o, func(o options) direction {
		return newAveraged(o, 0, 0)
	})}
}
