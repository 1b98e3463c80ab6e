package l4

import (
	"math"

	"github.com/l4-go/l4/internal/flat"
	"github.com/l4-go/l4/internal/kernel"
)

// check finds numbers that are not finite.
type check struct {
	finite, bounded flat.Pass
	found           nonFinite
}

// The largest numbers whose squares are finite.
var root32, root64 = float32(math.Sqrt(math.MaxFloat32)), math.Sqrt(math.MaxFloat64)

func newCheck() check {
	return check{
		finite: flat.Pass{
			F32: func(p flat.Part[float32]) (bad, _ float64) { return outOf(kernel.Float32, p, math.MaxFloat32) },
			F64: func(p flat.Part[float64]) (bad, _ float64) { return outOf(kernel.Float64, p, math.MaxFloat64) },
		},
		bounded: flat.Pass{
			F32: func(p flat.Part[float32]) (bad, _ float64) { return outOf(kernel.Float32, p, root32) },
			F64: func(p flat.Part[float64]) (bad, _ float64) { return outOf(kernel.Float64, p, root64) },
		},
	}
}

func outOf[T kernel.Float](passes kernel.Passes[T], p flat.Part[T], limit T) (bad, _ float64) {
	if passes.Bounded(p.G, limit) {
		return 0, 0
	}
	return 1, 0
}

// number returns an error if x is not finite. It is valid until the next call.
func (c *check) number(what string, x float64) error {
	if isFinite(x) {
		return nil
	}
	c.found = nonFinite{what: what, value: x}
	return &c.found
}

// gradients returns an error that names the first element that is not finite or, if they are to be squared,
// whose square is not. It is valid until the next call.
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
