package l4

import (
	"encoding"
	"math"
	"reflect"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/kernel"
)

// L4 is L4 along the direction of any other solver: v is what that solver would have subtracted from the weights,
// scaled to the length of g, the bias-corrected running average of the gradients. So the other solver's learning rate
// makes no difference.
//
// No step along v is expected to lower the loss where gᵀv <= 0, which L4Adam and L4Mom rule out by construction
// (section 2.4): such a step goes along g instead. And the smaller the angle that v makes with the level of the
// loss, the longer the step would have to be. Directions that know nothing of the past, such as plain gradients,
// come close to that level all the time, so gᵀv counts as at least a tenth of ‖g‖·‖v‖; Adam's stay above a fifth.
//
// The other solver steps copies of the parameters: float64 tensors if it is one of Gorgonia's, otherwise tensors of
// the parameter's dtype; a scalar becomes a tensor of shape (1). All of Gorgonia's solvers can be used but AdamW,
// which does not update tensors; that of Barzilai and Borwein has no direction after two equal gradients, which is an
// error. L4 keeps one word of state a parameter, copies of weight and gradient, and what the
// other solver keeps.
type L4 struct{ Solver }

var _ gorgonia.Solver = (*L4)(nil)

// New returns a solver that minimises loss along the direction of inner, which belongs to it from now on. See
// NewL4Adam for what loss may be. Leave the inner solver's own clipping and regularisation off and use the options
// instead, so that g and the loss know of them.
//
// When inner returns an error or panics, or its direction is not finite, Step returns an error and leaves the weights;
// it zeroes the gradients. What has become of the inner solver's own state is up to that solver. A learning rate so small
// that the copies of the weights do not change makes the steps go along g.
func New(loss gorgonia.Valuer, inner gorgonia.Solver, opts ...Option) *L4 {
	s := newSolver(loss, kindInner, opts)
	if isNil(inner) {
		s.opts.fail(errors.New("l4: New: the inner solver is nil"))
	}
	s.inner = newInner(inner)
	return &L4{s}
}

// inner is the solver that supplies the direction. Its methods do nothing on a nil *inner, as L4Adam and L4Mom
// have it.
type inner struct {
	solver gorgonia.Solver
	wide   bool                 // it is given float64 copies, whatever the parameter's dtype
	model  []gorgonia.ValueGrad // the mirrors
	norm   float64              // of its direction in this step
	ratio  float64              // of the slope along the last step's direction to that step's gᵀv
}

func newInner(solver gorgonia.Solver) *inner {
	in := &inner{solver: solver}
	// Where the learning rate is small, a float32 weight before the step less that after it has few right digits.
	// All of Gorgonia's solvers take float64, and the one of Barzilai and Borwein takes nothing else.
	if t := reflect.TypeOf(solver); t != nil && t.Kind() == reflect.Pointer {
		in.wide = t.Elem().PkgPath() == reflect.TypeFor[gorgonia.AdamSolver]().PkgPath()
	}
	return in
}

// step lets the solver step the copies and takes its direction from what has become of them. It fails if there
// is no direction to be had.
func (in *inner) step(s *Solver) error {
	if in == nil {
		return nil
	}
	in.model = in.model[:0]
	for i, p := range s.model {
		in.model = append(in.model, p.makeMirror(s.names[i], in.wide))
	}
	in.ratio = 0
	if last := s.guard.lastDot(); last > 0 { // which the mirrors still hold
		in.ratio = clampRatio(s.blocks.Sum(parameter.dotMirror) / last)
	}
	s.blocks.Each(parameter.toMirror)
	err := in.run()
	if err == nil {
		if in.norm = math.Sqrt(s.blocks.Sum(parameter.subtractMirror)); math.IsNaN(in.norm) {
			err = errors.WithMessage(ErrNonFinite, "its direction")
		}
	}
	if err != nil {
		s.guard.forgetDirection()
		return errors.WithMessagef(err, "l4: the inner %T", in.solver)
	}
	return nil
}

// run is a step of the solver, with a panic as an error.
func (in *inner) run() (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = errors.Errorf("panic: %v", r)
		}
	}()
	return in.solver.Step(in.model)
}

// minCosine is the least cosine of the angle between g and v that a step is computed with. In an epoch of MNIST
// the largest loss was 1.4 over RMSProp with 0.1, 10 with 0.01 and 11 with none; over AdaGrad 2, 13 and 40,000. The
// smallest cosine of Adam was 0.24.
const minCosine = 0.1

// along puts the direction in the place of g, whose squared norm is dot, and returns gᵀv.
func (in *inner) along(s *Solver, dot float64) float64 {
	if in == nil {
		return dot
	}
	scale := math.Sqrt(dot) / in.norm
	along := scale * s.blocks.Sum(parameter.dotMirror)
	if !(along > 0) {
		s.blocks.Each(parameter.toDirection)
		return dot
	}
	s.f32.innerScale, s.f64.innerScale = scale, scale
	s.blocks.Each(parameter.fromDirection)
	return max(along, minCosine*dot)
}

// mirror is a parameter with elements of type T as the inner solver sees it. Between steps it keeps the last direction.
type mirror[T kernel.Float] interface {
	gorgonia.ValueGrad
	set(lo int, w, g []T)
	subtract(lo int, w []T) (square float64)
	dot(lo int, g []T) float64
	toDirection(lo int, v []T)
	fromDirection(lo int, v []T, scale float64)
	direction() any
}

// mirrorOf is one with elements of type S.
type mirrorOf[T, S kernel.Float] struct {
	name        string
	value, grad *tensor.Dense
	w, g        []S // their elements; once the solver has stepped, w holds the direction
}

func newMirror[T, S kernel.Float](name string, shape []int) *mirrorOf[T, S] {
	if len(shape) == 0 {
		shape = []int{1}
	}
	n := tensor.Shape(shape).TotalSize()
	c := &mirrorOf[T, S]{name: name, w: make([]S, n), g: make([]S, n)}
	c.value = tensor.New(tensor.WithShape(shape...), tensor.WithBacking(c.w))
	c.grad = tensor.New(tensor.WithShape(shape...), tensor.WithBacking(c.g))
	return c
}

func (c *mirrorOf[T, S]) Name() string                  { return c.name }
func (c *mirrorOf[T, S]) Value() gorgonia.Value         { return c.value }
func (c *mirrorOf[T, S]) Grad() (gorgonia.Value, error) { return c.grad, nil }

func (c *mirrorOf[T, S]) set(lo int, w, g []T) {
	for i := range w {
		c.w[lo+i], c.g[lo+i] = S(w[i]), S(g[i])
	}
}

// subtract replaces the weights by what the solver has subtracted from them. The sum of squares is NaN if an element of
// that is not finite.
func (c *mirrorOf[T, S]) subtract(lo int, w []T) (square float64) {
	for i, x := range w {
		v := S(x) - c.w[lo+i]
		c.w[lo+i] = v
		square += float64(float64(v)*float64(v)) + 0*float64(v)
	}
	return square
}

func (c *mirrorOf[T, S]) dot(lo int, g []T) (sum float64) {
	for i, x := range g {
		sum += float64(float64(x) * float64(c.w[lo+i]))
	}
	return sum
}

func (c *mirrorOf[T, S]) toDirection(lo int, v []T) {
	for i, x := range v {
		c.w[lo+i] = S(x)
	}
}

func (c *mirrorOf[T, S]) fromDirection(lo int, v []T, scale float64) {
	for i := range v {
		v[i] = T(float64(c.w[lo+i]) * scale)
		c.w[lo+i] = S(v[i])
	}
}

func (c *mirrorOf[T, S]) direction() any { return c.w }

// makeMirror returns the mirror, which it makes when it is asked for the first time.
func (p *typed[T]) makeMirror(name string, wide bool) gorgonia.ValueGrad {
	if p.mirror == nil && wide {
		p.mirror = newMirror[T, float64](name, p.dims)
	} else if p.mirror == nil {
		p.mirror = newMirror[T, T](name, p.dims)
	}
	return p.mirror
}

func (p *typed[T]) direction() any                    { return p.mirror.direction() }
func (p *typed[T]) toMirror(lo, hi int)               { p.mirror.set(lo, p.w[lo:hi], p.g[lo:hi]) }
func (p *typed[T]) subtractMirror(lo, hi int) float64 { return p.mirror.subtract(lo, p.w[lo:hi]) }
func (p *typed[T]) dotMirror(lo, hi int) float64      { return p.mirror.dot(lo, p.g[lo:hi]) }
func (p *typed[T]) toDirection(lo, hi int)            { p.mirror.toDirection(lo, p.g[lo:hi]) }
func (p *typed[T]) fromDirection(lo, hi int) {
	p.mirror.fromDirection(lo, p.g[lo:hi], p.arith.innerScale)
}

// state returns the saved state of the inner solver.
func (in *inner) state() ([]byte, error) {
	if in == nil {
		return nil, nil
	}
	m, ok := in.solver.(encoding.BinaryMarshaler)
	if !ok {
		return nil, errors.Errorf("l4: the inner %T is no encoding.BinaryMarshaler, so its state cannot be saved", in.solver)
	}
	return m.MarshalBinary()
}

// setState loads what state has returned.
func (in *inner) setState(data []byte) error {
	if in == nil {
		return nil
	}
	m, ok := in.solver.(encoding.BinaryUnmarshaler)
	if !ok {
		return errors.Errorf("the inner %T is no encoding.BinaryUnmarshaler", in.solver)
	}
	return m.UnmarshalBinary(data)
}
