package l4

import (
	"math"

	"github.com/l4-go/l4/internal/flat"
	"github.com/l4-go/l4/internal/kernel"
)

// check looks at the loss and the gradients of a step.
type check struct {
	finite, bounded, nonZero flat.Pass
	found                    nonFinite
}

// The largest numbers whose squares are finite.
var root32, root64 = float32(math.Sqrt(math.MaxFloat32)), math.Sqrt(math.MaxFloat64)

func newCheck() check {
	pass := func(max32 float32, max64 float64) flat.Pass {
		return flat.Pass{F32: largest[float32]{kernel.Float32, max32}.checkGradients,
			F64: largest[float64]{kernel.Float64, max64}.checkGradients}
	}
	return check{finite: pass(math.MaxFloat32, math.MaxFloat64), bounded: pass(root32, root64),
		nonZero: flat.Pass{F32: nonZero[float32], F64: nonZero[float64]}}
}

// largest checks numbers against the largest that passes.
type largest[T kernel.Float] struct {
	passes kernel.Passes[T]
	max    T
}

func (l largest[T]) checkGradients(p *flat.Part[T]) (bad, _ float64) { return l.check(p.G) }
func (l largest[T]) checkWeights(p *flat.Part[T]) (bad, _ float64)   { return l.check(p.W) }

func (l largest[T]) check(xs []T) (bad, _ float64) {
	if l.passes.Bounded(xs, l.max) {
		return 0, 0
	}
	return 1, 0
}

func nonZero[T kernel.Float](p *flat.Part[T]) (found, _ float64) {
	for _, g := range p.G {
		if g != 0 {
			return 1, 0
		}
	}
	return 0, 0
}

// idle reports whether all gradients are 0.
func (c *check) idle(m *flat.Model) bool { return !m.Any(c.nonZero) }

// number returns an error if x is not finite. It is valid until the next call.
func (c *check) number(what string, x float64) error {
	if isFinite(x) {
		return nil
	}
	c.found = nonFinite{what: what, value: x}
	return &c.found
}

// gradients returns an error that names the first element that is not finite or, if squared is
// true, whose square is not. It is valid until the next call.
func (c *check) gradients(m *flat.Model, squared bool) error {
	pass := c.finite
	if squared {
		pass = c.bounded
	}
	if bad, _ := m.Sum(pass); bad == 0 {
		return nil
	}
	c.found = nonFinite{what: "gradient"}
	c.found.name, c.found.at, c.found.value = m.Find(pass)
	return &c.found
}
