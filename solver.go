package l4

import (
	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"

	"github.com/l4-go/l4/internal/bind"
	"github.com/l4-go/l4/internal/objective"
)

// Solver is the L4 algorithm, embedded in L4Adam, L4Mom and L4. With the loss L, an update
// direction v and an estimate g of the gradient, a step is
//
//	η = α (L − γ·Lmin) / (gᵀv + ε)
//	w ← w − η·v
//
// (paper, Eq. 6). All parameters share one η. The options explain the symbols and their defaults.
//
// A Solver belongs to one model. It must not be copied after the first Step, nor used by two
// goroutines at once. Different Solvers can be used at the same time.
type Solver struct {
	name         string // of the type that embeds the Solver
	opts         options
	newDirection func(options) direction
	loss         objective.Reader
	model        bind.Model
	parts
	last    Info
	skipped int // number of steps skipped in a row
	logged  logged
}

// parts holds the parts of a step.
type parts struct {
	floor      floor
	transforms []transform // empty without clipping and penalties
	direction  direction
	rule       rule
	bound      *bound // nil with WithoutBound
	move       *move
}

func newSolver(name string, loss gorgonia.Valuer, o options,
	newDirection func(options) direction) Solver {
	return Solver{name: name, opts: o, newDirection: newDirection,
		loss:  objective.Reader{Loss: loss, CheckOps: !o.uncheckedOps},
		parts: newParts(o, newDirection)}
}

// newParts creates the parts that the options ask for.
func newParts(o options, newDirection func(options) direction) parts {
	p := parts{
		floor:     newFloor(o.lossFloor),
		direction: newDirection(o),
		rule:      newPolyak(o),
		move:      newMove(o.decays),
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

// SetLoss replaces the loss that the next Step reads, for example by the node of another graph over
// the same weights. Pass the weights of that graph to Step. With a nil loss Step finds the loss in
// each graph, so that several graphs do not need SetLoss; see NewL4Adam.
func (s *Solver) SetLoss(loss gorgonia.Valuer) { s.loss.Loss = loss }

// Last returns the Info of the last successful Step, and the zero Info before the first one.
func (s *Solver) Last() Info { return s.last }

// Step updates the weights of model in place and zeroes its gradients. Call it after each run of
// the virtual machine that computes the loss and the gradients, with the same parameters in the
// same order.
//
// A parameter is a float32 or float64 tensor of any shape and layout, or a scalar. Without
// gorgonia.BindDualValues the gradient of a *gorgonia.Node is the value of another node of the
// graph. Step reads such a gradient but does not zero it, because the next run computes it again.
//
// If gᵀv is not finite, the learning rate of the step is 0: the step updates the running averages
// and does not change the weights.
func (s *Solver) Step(model []gorgonia.ValueGrad) error {
	if err := s.usable(); err != nil {
		return s.reject(err)
	}
	m, floor, info, err := s.read(model) // checks everything before the step writes anything
	if err != nil {
		return s.reject(err)
	}
	// form replaces the gradients by v.
	m.dot, m.square, err = s.direction.form(&s.model.Model, m.step)
	if err != nil {
		s.model.ZeroGrads() // transforms have changed them, so they cannot be used again
		return s.reject(err)
	}
	for _, t := range s.transforms {
		m.share *= t.commit(m.step)
	}
	m.rate, info.LMin = s.rule.rate(m) // Eq. 6
	info.LearnRate = clamp(m.rate, m.maxRate)
	if s.bound != nil {
		if !s.bound.started() {
			m.start = s.move.begin(&s.model.Model)
		}
		m.distance = s.move.distance
		info = s.bound.limit(m, info)
	}
	s.move.step(&s.model.Model, info.LearnRate, m.decay) // w ← w − η·v
	s.model.Commit()

	info.InnerProduct = m.dot
	s.floor, s.last, s.skipped = floor, info, 0
	if s.opts.recorder != nil {
		s.opts.recorder(info)
	}
	return nil
}

// read reads and checks everything that a step needs, transforms the gradients, and returns the
// next floor. An error leaves the weights and the saved state unchanged.
func (s *Solver) read(model []gorgonia.ValueGrad) (m measured, f floor, info Info, err error) {
	m = measured{step: s.last.Step + 1, share: 1}
	if m.decay, err = s.opts.decayAt(m.step); err != nil {
		return m, f, info, err
	}
	if m.maxRate, err = s.opts.maxRateAt(m.step); err != nil {
		return m, f, info, err
	}
	loss, narrow, err := s.loss.Read(model)
	if err != nil {
		return m, f, info, err
	}
	if err = s.model.Bind(model); err != nil {
		return m, f, info, err
	}
	s.move.choose(&s.model.Model, m.step == 1)
	if err = checkNumber("loss", loss); err != nil {
		return m, f, info, err
	}
	if err = checkFinite(&s.model, len(s.transforms) == 0); err != nil {
		return m, f, info, err
	}
	info = Info{Step: m.step, Loss: loss, Skipped: s.last.Skipped, Rejected: s.last.Rejected}
	for _, t := range s.transforms {
		penalty, err := t.measure(&s.model.Model)
		if err != nil {
			return m, f, info, err
		}
		info.Penalty += penalty
	}
	if f, m.lowered, m.loss, err = s.floor.under(loss+info.Penalty, narrow); err != nil {
		return m, f, info, err
	}
	if err = checkNumber("loss with its penalty above its floor", m.loss); err != nil {
		return m, f, info, err
	}
	info.Floor = f.value
	for _, t := range s.transforms {
		t.apply(&s.model.Model)
	}
	if len(s.transforms) > 0 {
		err = checkFinite(&s.model, true)
	}
	m.idle = !s.model.Any(nonZeroGrads)
	return m, f, info, err
}

// usable returns an error if a constructor did not create the solver, or if an option is bad.
func (s *Solver) usable() error {
	if s.direction == nil {
		return errors.New("l4: the solver is a zero value: " +
			"create it with NewL4Adam, NewL4Mom or New")
	}
	return s.opts.err
}
