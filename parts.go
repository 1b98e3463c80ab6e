package l4

import (
	"github.com/l4-go/l4/internal/flat"
	"github.com/l4-go/l4/internal/record"
)

// transform is a gradient transformation. It comes before the direction is formed.
type transform interface {
	// measure reads the model and returns what the transform adds to the loss.
	measure(m *flat.Model) (penalty float64, err error)
	// apply changes the gradients.
	apply(m *flat.Model)
	// commit ends the transform's part of a step, when nothing can fail any more. It returns the
	// share of the directional derivative that the transform leaves.
	commit(step int) (share float64)
	fields(c *record.Codec)
}

// direction forms the update direction v.
type direction interface {
	// form puts the direction v in the place of the gradients and returns gᵀv and ‖v‖². After an
	// error nothing has changed but the gradients.
	form(m *flat.Model, step int) (dot, square float64, err error)
	// tensorFields lists the state of one tensor. fields lists the rest, which is saved last.
	tensorFields(c *record.Codec, m *flat.Model, tensor int)
	fields(c *record.Codec) error
}

// rule sets the learning rate. It knows nothing of tensors.
type rule interface {
	// rate returns the learning rate and the estimated minimum of the loss.
	rate(m measured) (eta, lmin float64)
	fields(c *record.Codec)
}

// measured holds the scalars that the rule and the bound work with, in the order in which a step
// comes to know them.
type measured struct {
	step    int     // the first is 1
	decay   float64 // λ
	maxRate float64 // largest magnitude of η
	loss    float64 // L, with its penalty and above its floor
	lowered float64 // by how much the floor is lower than in the last step
	idle    bool    // all gradients are 0

	dot    float64 // gᵀv
	square float64 // ‖v‖²
	share  float64 // of the directional derivative that transforms leave, from 0 to 1

	rate     float64 // η of the rule, before the cap and the bound
	start    float64 // ‖w0‖, in the steps before the bound has started
	distance float64 // ‖w − w0‖ before the step
}
