package l4

import (
	"math"
	"slices"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"

	"github.com/l4-go/l4/internal/kernel"
)

// parameter is one tensor of the model as the passes see it: flat slices of elements in row-major order,
// whatever the layout in Gorgonia's memory.
type parameter interface {
	// bind takes up the memory of v's weight and gradient, and reports whether either is elsewhere than it
	// was in the last call.
	bind(v gorgonia.ValueGrad) (moved bool, err error)
	// extents returns the memory of the weight and, if the solver may write to it, of the gradient.
	extents() (weight, grad extent)
	// share tells whether another parameter has the same gradient memory.
	share(bool)
	// home returns where the weight lay in the last successful step.
	home() uintptr
	// gather copies what does not lie flat in memory to where it does, and reports whether there was any;
	// commit copies it back after a step.
	gather() bool
	commit()

	// reshape sets the shape that the weight must have from now on, of which len is the number of elements.
	reshape(shape []int)
	len() int
	allocate(square, grad bool)
	zeroGrad()
	appendState(b []byte) []byte
	decodeState(d *decoder, square, grad bool) bool
	gradient(i int) float64

	// The passes over the elements lo to hi; see kernel.Passes.
	outOfBounds(lo, hi int) float64 // not 0 if a gradient element is
	direct(lo, hi int) float64
	directSlope(lo, hi int) (dot, slope float64)
	nonZero(lo, hi int) float64 // not 0 if a gradient element is not
	update(lo, hi int)

	// Those that some options add.
	squaredClipped(lo, hi int) float64               // squared norm of the clipped gradient
	dotClipped(lo, hi int) (square, clipped float64) // that of the gradient, and the inner product of the two
	penalty(lo, hi int) float64
	shapedOutOfBounds(lo, hi int) float64
	shape(lo, hi int)

	// What an inner solver needs: the mirror of the parameter that it steps, and the direction that this keeps. The
	// passes fill the mirror, replace its weights by what the solver subtracted from them, return the inner product
	// of that with the gradient or what is in its place, and move the direction to the mirror and from it.
	makeMirror(name string, wide bool) gorgonia.ValueGrad
	direction() any // a slice of floats
	toMirror(lo, hi int)
	subtractMirror(lo, hi int) (square float64)
	dotMirror(lo, hi int) float64
	toDirection(lo, hi int)
	fromDirection(lo, hi int)
}

// arithmetic is what the parameters of one element type share in a step.
type arithmetic[T kernel.Float] struct {
	kernel.Passes[T]
	max, root T // largest number, and largest number whose square is finite
	bound     T // of the gradient elements

	shaping shaping[T]
	coef    kernel.Coefficients[T]
	flush   bool // averages are flushed in this step
	eta     T
	keep    T // what the decay leaves of a weight

	innerScale float64 // brings an inner solver's direction to the length of g
}

func newArithmetic[T kernel.Float](passes kernel.Passes[T], largest float64, o options) arithmetic[T] {
	a := arithmetic[T]{Passes: passes, max: T(largest), root: T(math.Sqrt(largest)), shaping: newShaping[T](o), keep: T(1 - o.weightDecay)}
	a.bound = a.root
	if o.shapes() { // may bring them down; see shapedOutOfBounds
		a.bound = a.max
	}
	return a
}

// begin sets the factors of the averages at the given step, the first is 1 (Eq. 7). lastDot is the gᵀv that the slope
// along the last step's direction is to be divided by, 0 if it is not wanted. The passes
// divide by its root, and the caller does so once more: float32 might not hold the quotient.
func (a *arithmetic[T]) begin(step int, o options, lastDot float64) {
	correct := func(tau float64, step int) float64 { return 1 / (1 - math.Pow(1-1/tau, float64(step))) }
	decay := func(tau float64) kernel.Decay[T] {
		beta := 1 - 1/tau
		return kernel.Decay[T]{Keep: T(beta), Add: T(1 - beta), Correct: T(correct(tau, step))}
	}
	a.coef.Last = 0
	if lastDot > 0 {
		a.coef.Last = T(min(correct(o.momentumTime, step-1)/math.Sqrt(lastDot), float64(a.max)))
	}
	a.coef.Mean, a.coef.Square, a.coef.Grad = decay(o.momentumTime), decay(o.varianceTime), decay(o.gradientTime)
	// Tiny turns 0/0 into 0 and is lost beside any root that is not 0.
	a.coef.Epsilon = max(T(o.adamEpsilon), kernel.Tiny[T]())
	a.flush = step%kernel.FlushEvery == 0
}

func (a *arithmetic[T]) setLearnRate(eta float64) {
	a.eta = T(max(-float64(a.max), min(eta, float64(a.max))))
}

// typed is a parameter of one element type.
type typed[T kernel.Float] struct {
	// What the passes need, together for the sake of the cache.
	arith    *arithmetic[T]
	w, g     []T // the elements in row-major order: in Gorgonia's memory, or else in spareW, spareG
	averages kernel.Averages[T]

	weight, grad   buffer[T]
	borrowed       bool // the gradient is the value of a graph node, not ours to write
	shared         bool // another parameter has the same gradient memory
	spareW, spareG []T
	mirror         mirror[T] // what an inner solver steps

	dims   []int // shape of the first step
	origin *T    // see home; keeps the memory from serving another parameter meanwhile
}

func (p *typed[T]) bind(v gorgonia.ValueGrad) (moved bool, err error) {
	if moved, err = p.take(v); err != nil {
		p.weight.tensor, p.grad.tensor = nil, nil // the next bind must not take them for known
	}
	return moved, err
}

// take is bind without the care for what follows an error.
func (p *typed[T]) take(v gorgonia.ValueGrad) (moved bool, err error) {
	value := v.Value()
	movedW, err := p.weight.bind(value)
	if err != nil {
		err = errors.WithMessage(err, "weight")
		if p.averages.Mean != nil && !isNil(value) {
			err = errors.WithMessage(ErrModelChanged, err.Error())
		}
		return false, err
	}
	if p.weight.fresh && !slices.Equal(p.weight.shape, p.dims) {
		return false, errors.WithMessagef(ErrModelChanged, "weight: shape %v, %v in the first step", p.weight.shape, p.dims)
	}
	g, err := v.Grad()
	if err != nil {
		return false, errors.WithMessage(err, "gradient")
	}
	movedG, err := p.grad.bind(g)
	if err != nil {
		return false, errors.WithMessage(err, "gradient")
	}
	if !p.weight.fresh && !p.grad.fresh {
		return false, nil
	}
	if !slices.Equal(p.grad.shape, p.weight.shape) {
		return false, errors.Errorf("gradient: shape %v, the weight has %v", p.grad.shape, p.weight.shape)
	}
	p.borrowed = false
	if n, ok := v.(interface{ Deriv() *gorgonia.Node }); ok && n.Deriv() != nil { // a *gorgonia.Node, or one embedded
		p.borrowed = n.Deriv().Value() == g
	}
	return movedW || movedG, nil
}

func (p *typed[T]) extents() (weight, grad extent) {
	weight = p.weight.extent()
	if !p.borrowed {
		grad = p.grad.extent()
	}
	return weight, grad
}

func (p *typed[T]) share(shared bool) { p.shared = shared }

func (p *typed[T]) home() uintptr { return address(p.origin) }

func (p *typed[T]) gather() bool {
	p.w, p.g = p.weight.data, p.grad.data
	if !p.weight.rowMajor {
		p.spareW = p.weight.copyTo(p.spareW)
		p.w = p.spareW
	}
	if p.gradCopied() {
		p.spareG = p.grad.copyTo(p.spareG)
		p.g = p.spareG
	}
	return !p.weight.rowMajor || p.gradCopied()
}

// gradCopied reports whether v is formed in a copy of the gradient.
func (p *typed[T]) gradCopied() bool { return !p.grad.rowMajor || p.borrowed || p.shared }

func (p *typed[T]) commit() {
	if !p.weight.rowMajor {
		p.weight.copyFrom(p.w)
	}
	if p.gradCopied() {
		p.zeroGrad()
	}
	p.origin = &p.weight.data[0]
}

func (p *typed[T]) zeroGrad() {
	if !p.borrowed {
		p.grad.zero()
	}
}

func (p *typed[T]) reshape(shape []int) { p.dims = append([]int{}, shape...) }

func (p *typed[T]) len() int {
	n := 1
	for _, size := range p.dims {
		n *= size
	}
	return n
}

func (p *typed[T]) allocate(square, grad bool) {
	p.averages = kernel.NewAverages[T](p.len(), square, grad)
}

func (p *typed[T]) gradient(i int) float64 { return float64(p.g[i]) }

func (p *typed[T]) outOfBounds(lo, hi int) float64 {
	if p.arith.Bounded(p.g[lo:hi], p.arith.bound) {
		return 0
	}
	return 1
}

func (p *typed[T]) direct(lo, hi int) float64 {
	p.flush(lo, hi)
	return p.arith.Direct(p.g[lo:hi], &p.averages, lo, &p.arith.coef)
}

func (p *typed[T]) nonZero(lo, hi int) float64 {
	for _, g := range p.g[lo:hi] {
		if g != 0 {
			return 1
		}
	}
	return 0
}

func (p *typed[T]) directSlope(lo, hi int) (dot, slope float64) {
	p.flush(lo, hi)
	return p.arith.DirectSlope(p.g[lo:hi], &p.averages, lo, &p.arith.coef)
}

// flush keeps denormal numbers from slowing down each step to come.
func (p *typed[T]) flush(lo, hi int) {
	if p.arith.flush {
		p.averages.Flush(lo, hi)
	}
}

func (p *typed[T]) update(lo, hi int) {
	if keep := p.arith.keep; keep != 1 {
		for i, w := range p.w[lo:hi] {
			p.w[lo+i] = w * keep
		}
	}
	if p.arith.eta == 0 {
		clear(p.g[lo:hi]) // v may be infinite, and 0 times that is no step
		return
	}
	p.arith.Update(p.w[lo:hi], p.g[lo:hi], p.arith.eta)
}
