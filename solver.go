package l4

import (
	"math"
	"reflect"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/kernel"
)

// Solver is the L4 meta-algorithm, embedded in L4Adam, L4Mom and L4. With the loss L, an update direction v
// and an estimate g of the gradient, a step is
//
//	η = α (L - γ·Lmin) / (gᵀv + ε)
//	w ← w - η·v
//
// (paper, Eq. 6), with one η for all parameters. See the options for the symbols and their defaults.
//
// A Solver belongs to one model. It may not be copied after the first Step, nor used from two goroutines
// at once; two Solvers may.
type Solver struct {
	loss  lossReader
	opts  options
	kind  kind
	inner *inner // of L4, otherwise nil

	f32 arithmetic[float32]
	f64 arithmetic[float64]

	model  []parameter
	names  []string                  // of the parameters in the first step
	blocks *kernel.Blocks[parameter] // how the passes walk over model
	ranges []extent                  // scratch of checkOverlaps
	moved  bool                      // a parameter may lie elsewhere than in the last successful step
	copied bool                      // a parameter does not lie flat in memory

	lmin    minLoss
	clip    clipRecord
	guard   *guard // nil without WithGuard
	last    Info
	skipped int // in a row
}

// Info is what one step did. Two of them can be compared with ==.
type Info struct {
	Step         int     // number of successful steps, the first is 1
	Loss         float64 // as read
	Penalty      float64 // added to it; see WithL2Reg
	LMin         float64 // estimate of the minimum of Loss + Penalty - floor used in this step, before the factor γ
	LearnRate    float64 // effective learning rate η
	InnerProduct float64 // gᵀv; of L4, not below a tenth of ‖g‖²
	Skipped      int     // number of steps skipped so far; see WithSkipNonFinite
	Trust        float64 // factor on the step, from 0 to 1; 1 without WithGuard
	SlopeRatio   float64 // slope along the last step's direction over what it was taken for; 0 without WithGuard
}

// kind tells where the direction comes from. The numbers stand in saved states.
type kind uint8

const (
	kindAdam  kind = 1
	kindMom   kind = 2
	kindInner kind = 3
)

func newSolver(loss gorgonia.Valuer, kind kind, opts []Option) Solver {
	s := Solver{loss: lossReader{loss: loss}, opts: newOptions(opts), kind: kind}
	if kind != kindAdam && s.opts.adamOnly != "" {
		s.opts.fail(errors.Errorf("l4: %s: only L4Adam has this option", s.opts.adamOnly))
	}
	if s.opts.gradientTime == 0 {
		s.opts.gradientTime = s.opts.momentumTime
	}
	if kind == kindInner { // it has one average, which is g
		s.opts.momentumTime = s.opts.gradientTime
	}
	if s.opts.guard != 0 {
		s.guard = new(guard)
	}
	s.f32 = newArithmetic(kernel.Float32, math.MaxFloat32, s.opts)
	s.f64 = newArithmetic(kernel.Float64, math.MaxFloat64, s.opts)
	return s
}

// SetLoss makes the next Step read the loss from another Valuer, such as the node of another graph over the same
// weights: one for each length of a sequence, say. The nodes that Step is given may be that graph's, too.
func (s *Solver) SetLoss(loss gorgonia.Valuer) { s.loss.loss = loss }

// Last returns what the last successful Step did, the zero Info before the first.
func (s *Solver) Last() Info { return s.last }

// Step moves the weights of model, in place, along the update direction and zeroes the gradients. It is
// called after each run of the virtual machine that evaluates the loss and the gradients, with the same
// parameters in the same order each time.
//
// A parameter is a float32 or float64 tensor of any shape and layout, or a scalar. A *gorgonia.Node whose
// gradient is the value of a graph node, as without gorgonia.BindDualValues, has that gradient read but not
// written: the next run computes it anew.
//
// A step whose inner product is not a finite number has learning rate 0: it updates the averages and leaves
// the weights.
func (s *Solver) Step(model []gorgonia.ValueGrad) error {
	if s.opts.err != nil {
		return s.opts.err
	}
	read, rounding, err := s.loss.read()
	if err != nil {
		return err
	}
	if err := s.bind(model); err != nil {
		return err
	}
	penalty, err := s.checkFinite(read)
	if err != nil {
		s.zeroGrads()
		if s.skipped >= s.opts.skipNonFinite {
			return err
		}
		s.skipped++
		s.last.Skipped++
		return nil
	}
	loss, err := s.opts.aboveFloor(read+penalty, rounding)
	if err != nil {
		return err
	}
	s.shapeGrads()
	if err := s.inner.step(s); err != nil {
		s.zeroGrads() // they have been shaped and cannot be used again
		return err
	}
	s.move(loss, Info{Step: s.last.Step + 1, Loss: read, Penalty: penalty, Skipped: s.last.Skipped})
	if s.opts.recorder != nil {
		s.opts.recorder(s.last)
	}
	return nil
}

// move is the step itself, of which nothing can fail. It completes info.
func (s *Solver) move(loss float64, info Info) {
	if info.Step == 1 {
		s.allocate()
		s.lmin.start(loss, s.opts.initFactor)
	} else {
		s.lmin.lower(loss)
	}
	s.f32.begin(info.Step, s.opts, s.guard.lastDot())
	s.f64.begin(info.Step, s.opts, s.guard.lastDot())
	idle := s.guard != nil && s.blocks.Sum(parameter.nonZero) == 0
	dot, ratio := s.direct()
	dot = s.inner.along(s, dot)
	eta := s.learnRate(info.Step, loss, dot, ratio, idle)
	s.f32.setLearnRate(eta)
	s.f64.setLearnRate(eta)
	s.blocks.Each(parameter.update)
	if s.moved || s.copied {
		for _, p := range s.model {
			p.commit()
		}
	}
	s.moved = false
	info.LMin, info.LearnRate, info.InnerProduct, info.Trust, info.SlopeRatio = s.lmin.value, eta, dot, s.guard.factor(), ratio
	s.last, s.skipped = info, 0
	s.lmin.forget(s.opts.forgetTime)
}

// direct puts the direction in the place of the gradients and returns its inner product with g and, for the guard,
// the slope ratio.
func (s *Solver) direct() (dot, ratio float64) {
	switch {
	case s.guard == nil:
		return s.blocks.Sum(parameter.direct), 0
	case s.inner != nil:
		return s.blocks.Sum(parameter.direct), s.inner.ratio
	}
	dot, slope := s.blocks.Sum2(parameter.directSlope)
	if last := s.guard.lastDot(); last > 0 {
		ratio = clampRatio(slope / math.Sqrt(last))
	}
	return dot, ratio
}

// learnRate is Eq. 6, kept finite and below its cap. It takes the step in with the guard and the record of clipping.
func (s *Solver) learnRate(step int, loss, dot, ratio float64, idle bool) float64 {
	target := s.opts.minLossFactor * s.lmin.value
	progress, divisor := s.guard.advance(step, loss, target, dot, ratio, idle)
	eta := s.opts.fraction * progress * s.clip.slope(s.opts, step) / (divisor + s.opts.epsilon)
	if math.IsNaN(eta) { // no direction, or one without a measure
		return 0
	}
	return max(-s.opts.maxLearnRate, min(eta, s.opts.maxLearnRate))
}

// bind takes up the memory of the model's weights and gradients. It returns an error if L4 cannot step this
// model or if it is not the one of the first step.
func (s *Solver) bind(model []gorgonia.ValueGrad) error {
	if s.last.Step == 0 {
		if err := s.describe(model); err != nil {
			return err
		}
	} else if len(model) != len(s.model) {
		return errors.WithMessagef(ErrModelChanged, "%d parameters, %d in the first step", len(model), len(s.model))
	}
	for i, v := range model {
		if isNil(v) {
			return errors.Errorf("l4: parameter #%d is nil", i)
		}
		moved, err := s.model[i].bind(v)
		s.moved = s.moved || moved || err != nil
		if err != nil {
			return errors.WithMessagef(err, "l4: %s", parameterName(i, v))
		}
	}
	if s.moved {
		if err := s.checkOrder(model); err != nil {
			return err
		}
		if err := s.checkOverlaps(model); err != nil {
			return err
		}
	}
	if s.moved || s.copied {
		s.copied = false
		for _, p := range s.model {
			s.copied = p.gather() || s.copied
		}
	}
	return nil
}

// describe sets up the model of the first step.
func (s *Solver) describe(model []gorgonia.ValueGrad) error {
	if len(model) == 0 {
		return errors.New("l4: the model has no parameters")
	}
	params, names := make([]parameter, len(model)), make([]string, len(model))
	for i, v := range model {
		w, err := weightOf(i, v)
		if err != nil {
			return err
		}
		names[i] = parameterName(i, v)
		params[i] = s.newParameter(w.Dtype())
		params[i].reshape(w.Shape())
	}
	s.setModel(params, names)
	return nil
}

// weightOf returns the weight of a parameter, of float32 or float64.
func weightOf(i int, v gorgonia.ValueGrad) (gorgonia.Value, error) {
	if isNil(v) {
		return nil, errors.Errorf("l4: parameter #%d is nil", i)
	}
	w := v.Value()
	if isNil(w) {
		return nil, errors.Errorf("l4: %s: no value", parameterName(i, v))
	}
	if dt := w.Dtype(); dt != tensor.Float32 && dt != tensor.Float64 {
		return nil, errors.Errorf("l4: %s: dtype %v, want float32 or float64", parameterName(i, v), dt)
	}
	return w, nil
}

// newParameter returns a parameter of the given dtype, nil if there is none.
func (s *Solver) newParameter(dt tensor.Dtype) parameter {
	switch dt {
	case tensor.Float32:
		return &typed[float32]{arith: &s.f32}
	case tensor.Float64:
		return &typed[float64]{arith: &s.f64}
	}
	return nil
}

// setModel makes ready for steps of these parameters.
func (s *Solver) setModel(params []parameter, names []string) {
	s.model, s.names = params, names
	s.blocks = kernel.NewBlocks(params, parameter.len)
}

// checkOrder tells whether a weight that lies elsewhere than in the last step, which is no error in itself,
// is another parameter's.
func (s *Solver) checkOrder(model []gorgonia.ValueGrad) error {
	if s.last.Step == 0 {
		return nil
	}
	for i, p := range s.model {
		weight, _ := p.extents()
		if weight.from == p.home() {
			continue
		}
		if name := parameterName(i, model[i]); name != s.names[i] {
			return errors.WithMessagef(ErrModelChanged, "parameter #%d is %s, in the first step it was %s", i, name, s.names[i])
		}
		for j, q := range s.model {
			if weight.from == q.home() {
				return errors.WithMessagef(ErrModelChanged, "%s has the weight that %s had in the last step", s.names[i], s.names[j])
			}
		}
	}
	return nil
}

// checkOverlaps tells whether the memory that a step writes is used twice. Gradients may be: two parameters
// of a custom ValueGrad that share one gradient each see it whole.
func (s *Solver) checkOverlaps(model []gorgonia.ValueGrad) error {
	s.ranges = s.ranges[:0]
	for i, p := range s.model {
		p.share(false)
		weight, grad := p.extents()
		weight.param, grad.param, grad.grad = i, i, true
		s.ranges = append(s.ranges, weight)
		if grad.to > grad.from {
			s.ranges = append(s.ranges, grad)
		}
	}
	return overlaps(s.ranges, func(a, b extent) error {
		if a.grad && b.grad {
			s.model[a.param].share(true)
			s.model[b.param].share(true)
			return nil
		}
		if a.param > b.param {
			a, b = b, a
		}
		return errors.Errorf("l4: the %v of %s shares memory with the %v of %s",
			a, parameterName(a.param, model[a.param]), b, parameterName(b.param, model[b.param]))
	})
}

// allocate makes the averages, all zero.
func (s *Solver) allocate() {
	for _, p := range s.model {
		p.allocate(s.kind == kindAdam, s.ownGrad())
	}
}

// ownGrad tells whether the gradient estimate has an average of its own.
func (s *Solver) ownGrad() bool { return s.opts.gradientTime != s.opts.momentumTime }

// checkFinite returns the penalty of the weights, or an error if a number that the step needs is not finite.
func (s *Solver) checkFinite(loss float64) (penalty float64, err error) {
	if math.IsNaN(loss) || math.IsInf(loss, 0) {
		return 0, errors.WithMessagef(ErrNonFinite, "loss is %v", loss)
	}
	if err := s.checkElements(parameter.outOfBounds, "the gradient of %s is %v at element %d"); err != nil {
		return 0, err
	}
	if penalty, err = s.prepareShaping(); err != nil {
		return 0, err
	}
	if above := loss + penalty - s.opts.lossFloor; math.IsInf(above, 0) {
		return 0, errors.WithMessagef(ErrNonFinite, "loss %v, with its penalty and above its floor, is %v", loss, above)
	}
	return penalty, nil
}

// checkElements returns an error that names the first gradient element for which a pass is not 0.
func (s *Solver) checkElements(pass func(p parameter, lo, hi int) float64, format string) error {
	if s.blocks.Sum(pass) == 0 {
		return nil
	}
	for i, p := range s.model {
		for at := range p.len() {
			if pass(p, at, at+1) != 0 {
				return errors.WithMessagef(ErrNonFinite, format, s.names[i], p.gradient(at), at)
			}
		}
	}
	panic("unreachable: a tensor is out of bounds but no element is")
}

func (s *Solver) zeroGrads() {
	for _, p := range s.model {
		p.zeroGrad()
	}
}

// isNil reports whether v is nil or holds a nil pointer.
func isNil(v any) bool {
	if v == nil {
		return true
	}
	r := reflect.ValueOf(v)
	return r.Kind() == reflect.Pointer && r.IsNil()
}
