package l4

import (
	"math"

	"github.com/pkg/errors"

	"github.com/l4-go/l4/internal/kernel"
)

// shaping is what the options make of a gradient before anything else sees it: its elements clipped, then its
// norm, then the gradient of the penalty added.
type shaping[T kernel.Float] struct {
	clip   T // largest magnitude of an element, +Inf for any
	scale  T // brings the norm of all gradients down to its limit
	l1, l2 T // strengths of the penalties
}

func newShaping[T kernel.Float](o options) shaping[T] {
	c := shaping[T]{clip: T(math.Inf(1)), scale: 1, l1: T(o.l1), l2: T(o.l2)}
	if o.clip > 0 {
		c.clip = T(o.clip)
	}
	return c
}

func (c *shaping[T]) clipped(g T) T { return max(-c.clip, min(g, c.clip)) }

// of returns the gradient element g of the weight w as it is to be used.
func (c *shaping[T]) of(g, w T) T {
	g = T(c.clipped(g) * c.scale)
	if c.l2 > 0 { // 0 times an infinite weight is no number
		g += T(c.l2 * w)
	}
	return g + T(c.l1*sign(w))
}

func sign[T kernel.Float](x T) T {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return 0
}

// clips reports whether the options clip gradients, and shapes whether they change them at all.
func (o *options) clips() bool  { return o.clip > 0 || o.clipNorm > 0 }
func (o *options) shapes() bool { return o.clips() || o.l1 > 0 || o.l2 > 0 }

// prepareShaping finds out how the gradients are to be shaped, without touching them yet, and returns the penalty
//
//	l1·‖w‖₁ + l2/2·‖w‖²
//
// or an error if a number in it is not finite.
func (s *Solver) prepareShaping() (penalty float64, err error) {
	if !s.opts.shapes() {
		return 0, nil
	}
	if s.opts.clips() {
		square, clipped := s.blocks.Sum2(parameter.dotClipped)
		if math.IsInf(square, 0) {
			return 0, errors.WithMessage(ErrNonFinite, "the norm of the gradients overflows")
		}
		scale := 1.0
		if limit := s.opts.clipNorm; limit > 0 {
			scale = min(1, limit/math.Sqrt(s.blocks.Sum(parameter.squaredClipped)))
		}
		s.f32.shaping.scale, s.f64.shaping.scale = float32(scale), scale
		s.clip.now = 1
		if square > 0 {
			s.clip.now = scale * clipped / square
		}
	}
	if s.opts.l1 > 0 || s.opts.l2 > 0 {
		penalty = s.blocks.Sum(parameter.penalty)
	}
	if math.IsNaN(penalty) || math.IsInf(penalty, 0) {
		return 0, errors.WithMessagef(ErrNonFinite, "the penalty of the weights is %v", penalty)
	}
	return penalty, s.checkElements(parameter.shapedOutOfBounds, "the gradient of %s, %v at element %d, overflows with its penalty")
}

// shapeGrads does what prepareShaping has prepared.
func (s *Solver) shapeGrads() {
	if s.opts.shapes() {
		s.blocks.Each(parameter.shape)
	}
}

// clipRecord tells how much clipping takes off the slope: along the clipped gradients c of gradients g the loss falls
// by gᵀc where cᵀc would say gᵀc·(gᵀc/gᵀg). Steps that took the clipped slope for that of the loss would be too long,
// the more so the harder the gradients are clipped.
type clipRecord struct {
	now  float64 // gᵀc/gᵀg of this step, from 0 to 1
	mean float64 // its running average on the time scale of g, biased to the initial 0
}

// slope returns the part of the loss's slope that the averaged clipped gradients have, after the given step.
func (c *clipRecord) slope(o options, step int) float64 {
	if !o.clips() {
		return 1
	}
	beta := 1 - 1/o.gradientTime
	c.mean = float64(beta*c.mean) + float64((1-beta)*c.now)
	return c.mean / (1 - math.Pow(beta, float64(step)))
}

func (p *typed[T]) squaredClipped(lo, hi int) (sum float64) {
	for _, g := range p.g[lo:hi] {
		x := float64(p.arith.shaping.clipped(g))
		sum += float64(x * x)
	}
	return sum
}

func (p *typed[T]) dotClipped(lo, hi int) (square, clipped float64) {
	for _, g := range p.g[lo:hi] {
		square += float64(float64(g) * float64(g))
		clipped += float64(float64(p.arith.shaping.clipped(g)) * float64(g))
	}
	return square, clipped
}

func (p *typed[T]) penalty(lo, hi int) (sum float64) {
	l1, l2 := float64(p.arith.shaping.l1), float64(p.arith.shaping.l2)/2
	for _, w := range p.w[lo:hi] {
		x := float64(w)
		if l1 > 0 { // 0 times an infinite weight is no number
			sum += float64(l1 * math.Abs(x))
		}
		if l2 > 0 {
			sum += float64(l2 * float64(x*x))
		}
	}
	return sum
}

func (p *typed[T]) shapedOutOfBounds(lo, hi int) float64 {
	for i := lo; i < hi; i++ {
		if g := p.arith.shaping.of(p.g[i], p.w[i]); !(math.Abs(float64(g)) <= float64(p.arith.root)) {
			return 1
		}
	}
	return 0
}

func (p *typed[T]) shape(lo, hi int) {
	for i := lo; i < hi; i++ {
		p.g[i] = p.arith.shaping.of(p.g[i], p.w[i])
	}
}
