package l4

import (
	"github.com/l4-go/l4/internal/flat"
	"github.com/l4-go/l4/internal/record"
)

// transform changes the gradients before the direction uses them.
type transform interface {
	// measure reads the model and returns the penalty that the transform adds to the loss.
	measure(m *flat.Model) (penalty float64, err error)
	// apply changes the gradients.
	apply(m *flat.Model)
	// commit updates the state of the transform. A step calls it when the step cannot fail anymore.
	// commit returns the share of the directional derivative that the transform leaves.
	commit(step int) (share float64)
	// fields lists the saved state.
	fields(c *record.Codec)
}

// direction computes the update direction v.
type direction interface {
	// form replaces the gradients by v and returns gᵀv and ‖v‖². An error may have changed the
	// gradients, but has not changed anything else.
	form(m *flat.Model, step int) (dot, square float64, err error)
	// tensorFields lists the saved state of one tensor.
	tensorFields(c *record.Codec, m *flat.Model, tensor int)
	// fields lists the rest of the saved state, after all tensors.
	fields(c *record.Codec) error
}

// rule sets the learning rate from scalars.
type rule interface {
	// rate returns the learning rate and the estimated minimum of the loss.
	rate(m measured) (eta, lmin float64)
	// fields lists the saved state.
	fields(c *record.Codec)
}

// measured holds the scalars that the rule and the bound use, in the order in which a step computes
// them.
type measured struct {
	step    int     // the first step is 1
	decay   float64 // λ
	maxRate float64 // largest magnitude of η
	loss    float64 // L, plus the penalty, minus the floor
	lowered float64 // amount by which this step lowers the floor
	idle    bool    // all gradients are 0

	dot    float64 // gᵀv
	square float64 // ‖v‖²
	share  float64 // share of the directional derivative that the transforms leave, from 0 to 1

	rate     float64 // η of the rule, before the cap and the bound
	start    float64 // ‖w0‖; set only until the bound has started
	distance float64 // ‖w − w0‖ before the step
}
