package l4

import (
	"github.com/l4-go/l4/internal/flat"
	"github.com/l4-go/l4/internal/record"
)

// parts are what a step is made of.
type parts struct {
	floor      floor
	transforms []transform // none on the plain path
	direction  direction
	rule       rule
	bound      *bound // nil for none
	move       *move
	schedules  []*schedule
}

// transform is a gradient transformation. It comes before the direction is formed.
type transform interface {
	// measure reads the model and returns what the transform adds to the loss.
	measure(m *flat.Model) (penalty float64, err error)
	// apply changes the gradients.
	apply(m *flat.Model)
	// kept returns the share of the directional derivative that the transform leaves. It is called
	// once a step, when nothing can fail any more.
	kept(step int) float64
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

// measured holds the scalars that the rule and the bound work with.
type measured struct {
	step     int     // the first is 1
	loss     float64 // L, with its penalty and above its floor
	lowered  float64 // by how much the floor is lower than in the last step
	idle     bool    // all gradients are 0
	dot      float64 // gᵀv
	square   float64 // ‖v‖²
	kept     float64 // share of the directional derivative that transforms leave, from 0 to 1
	rate     float64 // η of the rule, before the cap and the bound
	start    float64 // ‖w0‖, in the steps before the bound has started
	distance float64 // ‖w − w0‖ before the step
}

// newParts is the only place that looks at all options.
func newParts(o options, newDirection func(options) direction) parts {
	p := parts{
		floor:     floor{value: o.lossFloor, moves: o.floorMoves()},
		schedules: []*schedule{o.weightDecay, o.maxLearnRate},
		direction: newDirection(o),
		rule:      newPolyak(o),
		move:      newMove(o),
	}
	if o.clip > 0 || o.clipNorm > 0 {
		p.transforms = append(p.transforms, newClip(o.clip, o.clipNorm, o.gradientTime))
	}
	if o.l1 > 0 || o.l2 > 0 {
		p.transforms = append(p.transforms, newPenalty(o.l1, o.l2))
	}
	if o.bound > 0 {
		p.bound = newBound(o)
	}
	return p
}
