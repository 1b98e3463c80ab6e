package l4

import (
	"encoding"
	"fmt"
	"math"
	"reflect"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"
	gt "gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/bind"
	"github.com/l4-go/l4/internal/flat"
	"github.com/l4-go/l4/internal/kernel"
	"github.com/l4-go/l4/internal/record"
)

// L4 follows the direction of any other solver, the inner solver: v is what that solver would have
// subtracted from the weights, scaled to the length of g, the bias-corrected running average of the
// gradients. So the learning rate of the inner solver has no effect.
//
// If gᵀv ≤ 0, a step along v is not expected to reduce the loss, and L4 steps along g instead.
// L4Adam and L4Mom exclude this case by construction (section 2.4 of the paper). If v is nearly
// orthogonal to g, the quotient η of the paper's Eq. 6 explodes, so gᵀv counts as at least
// 0.1·‖g‖·‖v‖. Directions without memory, such as plain gradients, are often nearly orthogonal to
// g; with Adam's direction gᵀv stays above 0.2·‖g‖·‖v‖.
//
// The inner solver updates copies of the parameters. The copies are float64 tensors for Gorgonia's
// solvers, and tensors of the parameter's dtype for all others. A scalar becomes a tensor of shape
// (1). All of Gorgonia's solvers work except AdamW, which does not update tensors. BarzilaiBorwein
// has no direction after two equal gradients, which is an error. L4 keeps one number per weight,
// copies of weights and gradients, and the state of the inner solver.
type L4 struct{ Solver }

var _ gorgonia.Solver = (*L4)(nil)

// New returns a solver that minimizes loss along the direction of inner. The inner solver must not
// be used for anything else. See NewL4Adam for loss. Use the options of this package instead of the
// inner solver's own clipping and regularization, so that g and the loss include them.
//
// Step returns an error if inner returns one or panics, or if its direction is not finite. Such a
// step leaves the weights unchanged and zeroes the gradients, but it cannot undo what inner did to
// its own state. If the learning rate of inner is so small that its copies of the weights do not
// change, L4 steps along g.
//
// The bound depends on how long successive directions stay correlated, which WithMomentumTime
// states. Its default is 1 for Gorgonia's solvers without momentum (VanillaSolver, RMSPropSolver,
// AdaGradSolver) and 10 for all others. Use WithMomentumTime(1) if your own solver has no momentum:
// otherwise steps are up to four times shorter than necessary. If the value is too small, training
// fails in noise.
func New(loss gorgonia.Valuer, inner gorgonia.Solver, opts ...Option) *L4 {
	o := newOptions(append([]Option{withInner(inner)}, opts...))
	o.rejectAdamOnly()
	if bind.IsNil(inner) {
		o.fail(errors.New("l4: New: the inner solver is nil: pass one, or use NewL4Mom"))
	}
	return &L4{newSolver("L4", loss, o, func(o options) direction {
		return newInner(inner, o.gradientTime)
	})}
}

// withInner sets the defaults that depend on the inner solver: the momentum time is 1 for a solver
// without momentum.
func withInner(inner gorgonia.Solver) Option {
	return func(o *options) {
		o.gradientTime = o.momentumTime
		switch inner.(type) {
		case *gorgonia.VanillaSolver, *gorgonia.RMSPropSolver, *gorgonia.AdaGradSolver:
			o.momentumTime = 1
		}
	}
}

// minCosine is the smallest gᵀv/(‖g‖·‖v‖) that a step divides by. In an epoch of MNIST the largest
// loss along RMSProp's direction was 1.4 with a minimum of 0.1, 10 with 0.01 and 11 without a
// minimum; along AdaGrad's direction it was 2, 13 and 40,000. The smallest cosine of Adam's
// direction was 0.24.
const minCosine = 0.1

// inner is the direction of another solver. The solver steps mirrors, which are copies of the
// parameters, and the change of a mirror gives v.
type inner struct {
	solver  gorgonia.Solver
	wide    bool      // all mirrors are float64
	average *averages // g

	model []gorgonia.ValueGrad // the mirrors
	f32   []mirror[float32]    // the mirrors of float32 tensors; nil for other tensors
	f64   []mirror[float64]    // the mirrors of float64 tensors; nil for other tensors
	scale float64              // scales v to the length of g

	set, change, broken, put flat.Pass
}

func newInner(solver gorgonia.Solver, gradientTime float64) *inner {
	in := &inner{solver: solver, average: newAverages(gradientTime, 0, 0)}
	// With a small learning rate, the difference of a float32 weight before and after the step has
	// few correct digits. All of Gorgonia's solvers accept float64, and BarzilaiBorwein accepts
	// only float64.
	if t := reflect.TypeOf(solver); t != nil && t.Kind() == reflect.Pointer {
		in.wide = t.Elem().PkgPath() == reflect.TypeFor[gorgonia.AdamSolver]().PkgPath()
	}
	in.set = flat.NewPass(in, setMirror[float32], setMirror[float64])
	in.change = flat.NewPass(in, changeOf[float32], changeOf[float64])
	in.broken = flat.NewPass(in, brokenMirror[float32], brokenMirror[float64])
	in.put = flat.NewPass(in, putDirection[float32], putDirection[float64])
	return in
}

// form makes a step of the solver on the mirrors and computes v from the change of the mirrors.
func (in *inner) form(m *flat.Model, step int) (dot, square float64, err error) {
	if step == 1 || in.model == nil {
		in.makeMirrors(m)
	}
	m.Sum(in.set)
	if err := in.run(); err != nil {
		return 0, 0, errors.WithMessagef(err, "l4: the inner %T", in.solver)
	}
	in.average.begin(m, step)
	norm, product := m.Sum(in.change)
	if !isFinite(norm) && m.Any(in.broken) {
		return 0, 0, fmt.Errorf("%w: the direction of the inner %T has an element that is not "+
			"finite", ErrNonFinite, in.solver)
	}
	// This pass replaces the gradients by g and returns ‖g‖², which ‖v‖² shall equal.
	_, square = m.Sum(in.average.direct)
	in.scale = math.Sqrt(square) / math.Sqrt(norm)
	along := in.scale * product
	if !(along > 0) {
		return square, square, nil // step along g
	}
	m.Sum(in.put)
	return max(along, minCosine*square), square, nil
}

// run makes a step of the solver and turns a panic into an error.
func (in *inner) run() (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = errors.Errorf("panic: %v", r)
		}
	}()
	return in.solver.Step(in.model)
}

func (in *inner) makeMirrors(m *flat.Model) {
	in.model = nil
	in.f32, in.f64 = make([]mirror[float32], m.Len()), make([]mirror[float64], m.Len())
	for i := range m.Len() {
		switch {
		case m.Tensor(i).Dtype == flat.Float64:
			in.f64[i] = newMirror(m, i, kernel.Copies64)
			in.model = append(in.model, in.f64[i])
		case in.wide:
			in.f32[i] = newMirror(m, i, kernel.Copies32As64)
			in.model = append(in.model, in.f32[i])
		default:
			in.f32[i] = newMirror(m, i, kernel.Copies32)
			in.model = append(in.model, in.f32[i])
		}
	}
}

func (in *inner) tensorFields(c *record.Codec, m *flat.Model, tensor int) {
	in.average.tensorFields(c, m, tensor)
}

// fields lists the state of the inner solver. It is loaded last, after all other numbers have
// passed their checks, because the inner solver cannot undo the loading.
func (in *inner) fields(c *record.Codec) error {
	if !c.Reading() {
		m, ok := in.solver.(encoding.BinaryMarshaler)
		if !ok {
			return errors.Errorf("the inner %T cannot be saved: it does not implement "+
				"encoding.BinaryMarshaler", in.solver)
		}
		data, err := m.MarshalBinary()
		c.Bytes(data)
		return err
	}
	data := c.Bytes(nil)
	c.End()
	if c.Err() != nil {
		return c.Err()
	}
	m, ok := in.solver.(encoding.BinaryUnmarshaler)
	if !ok {
		return errors.Errorf("the inner %T cannot be loaded: it does not implement "+
			"encoding.BinaryUnmarshaler", in.solver)
	}
	return m.UnmarshalBinary(data)
}

// mirror is a copy of a tensor with elements of type T, which the inner solver steps.
type mirror[T kernel.Float] interface {
	gorgonia.ValueGrad
	// set copies weights and gradients of a part to the mirror.
	set(p *flat.Part[T])
	// change returns ‖v‖² and gᵀv. v is what the solver has subtracted from the weights.
	change(p *flat.Part[T], mean []T, d *kernel.Decay[T]) (norm, dot float64)
	// broken reports whether an element of v is not finite.
	broken(p *flat.Part[T]) bool
	// put replaces the gradients by scale·v.
	put(p *flat.Part[T], scale float64)
}

func mirrorOfPart[T kernel.Float](in *inner, p *flat.Part[T]) mirror[T] {
	if ms, ok := any(&in.f32).(*[]mirror[T]); ok {
		return (*ms)[p.Tensor]
	}
	return (*any(&in.f64).(*[]mirror[T]))[p.Tensor]
}

func setMirror[T kernel.Float](in *inner, p *flat.Part[T]) (_, _ float64) {
	mirrorOfPart(in, p).set(p)
	return 0, 0
}

func changeOf[T kernel.Float](in *inner, p *flat.Part[T]) (norm, dot float64) {
	mean := flat.Elements(&in.average.mean, p)
	return mirrorOfPart(in, p).change(p, mean, &coefficientsOf[T](in.average).Mean)
}

func brokenMirror[T kernel.Float](in *inner, p *flat.Part[T]) (found, _ float64) {
	if mirrorOfPart(in, p).broken(p) {
		return 1, 0
	}
	return 0, 0
}

func putDirection[T kernel.Float](in *inner, p *flat.Part[T]) (_, _ float64) {
	mirrorOfPart(in, p).put(p, in.scale)
	return 0, 0
}

// mirrorOf is a mirror whose own elements have type S.
type mirrorOf[T, S kernel.Float] struct {
	name        string
	value, grad *gt.Dense
	w, g        []S // the elements of value and grad
	passes      kernel.Copies[T, S]
}

func newMirror[T, S kernel.Float](m *flat.Model, i int,
	passes kernel.Copies[T, S]) *mirrorOf[T, S] {
	t := m.Tensor(i)
	shape, n := t.Shape, t.Size()
	if len(shape) == 0 {
		shape = []int{1}
	}
	c := &mirrorOf[T, S]{name: t.Name, w: kernel.NewVector[S](n, 4), g: kernel.NewVector[S](n, 5),
		passes: passes}
	c.value = gt.New(gt.WithShape(shape...), gt.WithBacking(c.w))
	c.grad = gt.New(gt.WithShape(shape...), gt.WithBacking(c.g))
	return c
}

func (c *mirrorOf[T, S]) Name() string                  { return c.name }
func (c *mirrorOf[T, S]) Value() gorgonia.Value         { return c.value }
func (c *mirrorOf[T, S]) Grad() (gorgonia.Value, error) { return c.grad, nil }

// weights returns the mirror's weights that belong to a part.
func (c *mirrorOf[T, S]) weights(p *flat.Part[T]) []S { return c.w[p.Lo : p.Lo+len(p.W)] }

func (c *mirrorOf[T, S]) set(p *flat.Part[T]) {
	c.passes.Set(c.weights(p), p.W)
	c.passes.Set(c.g[p.Lo:p.Lo+len(p.G)], p.G)
}

func (c *mirrorOf[T, S]) change(p *flat.Part[T], mean []T,
	d *kernel.Decay[T]) (norm, dot float64) {
	return c.passes.Change(c.weights(p), p.W, p.G, mean, d)
}

func (c *mirrorOf[T, S]) broken(p *flat.Part[T]) bool {
	for i, x := range c.weights(p) {
		if !isFinite(float64(S(p.W[i]) - x)) {
			return true
		}
	}
	return false
}

func (c *mirrorOf[T, S]) put(p *flat.Part[T], scale float64) {
	c.passes.Put(p.G, p.W, c.weights(p), scale)
}
