package l4

import (
	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"

	"github.com/l4-go/l4/internal/flat"
	"github.com/l4-go/l4/internal/record"
)

// Solver is the L4 meta-algorithm, embedded in L4Adam, L4Mom and L4. With the loss L, an update
// direction v and an estimate g of the gradient, a step is
//
//	η = α (L − γ·Lmin) / (gᵀv + ε)
//	w ← w − η·v
//
// (paper, Eq. 6), with one η for all parameters. See the options for the symbols and their
// defaults.
//
// A Solver belongs to one model. It may not be copied after the first Step, nor used from two
// goroutines at once; two Solvers may.
type Solver struct {
	name         string // of the type that embeds it
	opts         options
	newDirection func(options) direction
	loss         lossReader
	check        check
	model        flat.Model
	parts
	last    Info
	skipped int // steps in a row
	told    told
}

// parts are what a step is made of.
type parts struct {
	floor      floor
	transforms []transform // none on the plain path
	direction  direction
	rule       rule
	limits     []limit
	move       *move
	schedules  []*schedule
}

// transform is done to the gradients before a direction is formed of them.
type transform interface {
	// measure reads the model and returns what the transform adds to the loss.
	measure(m *flat.Model) (penalty float64, err error)
	// apply changes the gradients.
	apply(m *flat.Model)
	// kept is the share of the loss's slope that the transform leaves. It is called once a step,
	// when nothing can fail any more.
	kept(step int) float64
	fields(c *record.Codec)
}

// direction is where a step goes.
type direction interface {
	// form puts the direction v in the place of the gradients and returns gᵀv and ‖v‖². After an
	// error nothing has changed but the gradients.
	form(m *flat.Model, step int) (dot, square float64, err error)
	// tensorFields are the fields for each tensor, fields those for all of them. The latter come
	// last.
	tensorFields(c *record.Codec, m *flat.Model, tensor int)
	fields(c *record.Codec) error
}

// rule tells how long a step is. It knows nothing of tensors.
type rule interface {
	// rate returns the learning rate and the estimated minimum of the loss.
	rate(m measured) (eta, lmin float64)
	fields(c *record.Codec)
}

// measured is what a rule knows of a step.
type measured struct {
	step     int     // the first is 1
	loss     float64 // L, with its penalty and above its floor
	lowered  float64 // by how much the floor is lower than in the last step
	idle     bool    // all gradients are 0
	dot      float64 // gᵀv
	square   float64 // ‖v‖²
	kept     float64 // share of the loss's slope that transforms leave, from 0 to 1
	rate     float64 // what the rule makes of the above
	distance float64 // ‖w − w0‖ before the step
}

// limit may shorten a step. It returns info with a lower learning rate, and with what it went by.
type limit interface {
	limit(m measured, info Info) Info
	fields(c *record.Codec)
}

// Info is what one step did. Two of them can be compared with ==.
type Info struct {
	Step         int     // number of successful steps, the first is 1
	Loss         float64 // as read
	LMin         float64 // estimated minimum of Loss + Penalty − Floor, before the factor γ
	LearnRate    float64 // effective learning rate η
	InnerProduct float64 // gᵀv; of L4, not below a tenth of ‖g‖²
	Length       float64 // of the step, ‖η·v‖; like Limit, Reach and Path 0 with WithoutBound
	Limit        float64 // what the bound allowed for Length; see WithBound
	Reach        float64 // largest distance of the weights from their start, as used in this step
	Path         float64 // length of the path after this step
	Floor        float64 // lower bound of the loss in this step; see WithLossFloor
	Skipped      int     // number of steps skipped so far; see WithSkipNonFinite
	Refused      int     // number of calls of Step so far that returned an error
	Penalty      float64 // added to the loss; see WithL2Reg
}

func newSolver(name string, loss gorgonia.Valuer, o options,
	newDirection func(options) direction) Solver {
	return Solver{name: name, opts: o, newDirection: newDirection, loss: lossReader{loss: loss},
		check: newCheck(), parts: newParts(o, newDirection)}
}

// newParts is the only place that looks at all options.
func newParts(o options, newDirection func(options) direction) parts {
	bounded := o.bound > 0
	p := parts{
		floor:     floor{value: o.lossFloor, moves: o.floorMoves()},
		schedules: []*schedule{o.weightDecay, o.maxLearnRate},
		direction: newDirection(o),
		rule:      newPolyak(o),
		limits:    []limit{rateCap{o.maxLearnRate}},
		move:      newMove(o),
	}
	if o.clip > 0 || o.clipNorm > 0 {
		p.transforms = append(p.transforms, newClip(o.clip, o.clipNorm, o.gradientTime))
	}
	if o.l1 > 0 || o.l2 > 0 {
		p.transforms = append(p.transforms, newPenalty(o.l1, o.l2))
	}
	if bounded {
		p.limits = append(p.limits, newBound(o))
	}
	return p
}

// SetLoss makes the next Step read the loss from another Valuer, such as the node of another graph
// over the same weights: one for each length of a sequence, say. The nodes that Step is given may
// be that graph's, too.
func (s *Solver) SetLoss(loss gorgonia.Valuer) { s.loss.loss = loss }

// Last returns what the last successful Step did, the zero Info before the first.
func (s *Solver) Last() Info { return s.last }

// Step moves the weights of model, in place, along the update direction and zeroes the gradients.
// Call it after each run of the virtual machine that evaluates the loss and the gradients, with the
// same parameters in the same order each time.
//
// A parameter is a float32 or float64 tensor of any shape and layout, or a scalar. A *gorgonia.Node
// whose gradient is the value of a graph node, as without gorgonia.BindDualValues, has that
// gradient read but not written: the next run computes it anew.
//
// A step whose inner product is not a finite number has learning rate 0: it updates the averages
// and leaves the weights.
func (s *Solver) Step(model []gorgonia.ValueGrad) error {
	if err := s.usable(); err != nil {
		return err
	}
	m, floor, info, err := s.read(model) // everything that can be wrong is found here
	if err != nil {
		return s.refuse(err)
	}
	m.dot, m.square, err = s.direction.form(&s.model, m.step) // v in the place of the gradients
	if err != nil {
		s.model.ZeroGrads() // they have been transformed and cannot be used again
		return s.refuse(err)
	}
	for _, t := range s.transforms {
		m.kept *= t.kept(m.step)
	}
	m.rate, info.LMin = s.rule.rate(m) // Eq. 6
	info.LearnRate = m.rate
	for _, l := range s.limits {
		info = l.limit(m, info)
	}
	s.move.step(&s.model, info.LearnRate) // w ← w − η·v

	info.InnerProduct = m.dot
	s.floor, s.last, s.skipped = floor, info, 0
	if s.opts.recorder != nil {
		s.opts.recorder(info)
	}
	return nil
}

// read takes up all that a step needs and checks it, and returns the floor that serves the loss. An
// error leaves everything as it was, but for gradients that have been found not to be finite.
func (s *Solver) read(model []gorgonia.ValueGrad) (m measured, f floor, info Info, err error) {
	m = measured{step: s.last.Step + 1, kept: 1, distance: s.move.distance}
	for _, c := range s.schedules {
		if err = c.set(m.step); err != nil {
			return m, f, info, err
		}
	}
	loss, rounding, err := s.loss.read(model)
	if err != nil {
		return m, f, info, err
	}
	if err = s.model.Bind(model); err != nil {
		return m, f, info, err
	}
	if err = s.check.number("loss", loss); err != nil {
		return m, f, info, err
	}
	if err = s.check.gradients(&s.model, len(s.transforms) == 0); err != nil {
		return m, f, info, err
	}
	info = Info{Step: m.step, Loss: loss, Skipped: s.last.Skipped, Refused: s.last.Refused}
	for _, t := range s.transforms {
		penalty, err := t.measure(&s.model)
		if err != nil {
			return m, f, info, err
		}
		info.Penalty += penalty
	}
	if f, m.lowered, m.loss, err = s.floor.under(loss+info.Penalty, rounding); err != nil {
		return m, f, info, err
	}
	if err = s.check.number("loss with its penalty above its floor", m.loss); err != nil {
		return m, f, info, err
	}
	info.Floor = f.value
	for _, t := range s.transforms {
		t.apply(&s.model)
	}
	if len(s.transforms) > 0 {
		err = s.check.gradients(&s.model, true)
	}
	m.idle = s.check.idle(&s.model)
	return m, f, info, err
}

// usable returns an error if the solver was not made by a constructor, or by one with a bad option.
func (s *Solver) usable() error {
	if s.direction == nil {
		return errors.New("l4: a zero solver cannot step; make it with NewL4Adam, NewL4Mom or New")
	}
	return s.opts.err
}
