package l4

import (
	"fmt"
	"math"

	"github.com/l4-go/l4/internal/bind"
	"github.com/l4-go/l4/internal/flat"
	"github.com/l4-go/l4/internal/kernel"
)

// Passes that return 1 for a part that contains such an element, and otherwise 0.
var (
	nonFiniteGrads = flat.Pass{F32: unboundedGrads(float32(math.MaxFloat32)),
		F64: unboundedGrads(math.MaxFloat64)}
	nonFiniteWeights = flat.Pass{F32: unboundedWeights(float32(math.MaxFloat32)),
		F64: unboundedWeights(math.MaxFloat64)}
	// Gradients whose squares overflow.
	nonFiniteSquares = flat.Pass{F32: unboundedGrads(float32(math.Sqrt(math.MaxFloat32))),
		F64: unboundedGrads(math.Sqrt(math.MaxFloat64))}
	nonZeroGrads = flat.Pass{F32: nonZero[float32], F64: nonZero[float64]}
)

func unboundedGrads[T kernel.Float](largest T) func(*flat.Part[T]) (found, _ float64) {
	return func(p *flat.Part[T]) (found, _ float64) { return unbounded(p.G, largest) }
}

func unboundedWeights[T kernel.Float](largest T) func(*flat.Part[T]) (found, _ float64) {
	return func(p *flat.Part[T]) (found, _ float64) { return unbounded(p.W, largest) }
}

func unbounded[T kernel.Float](xs []T, largest T) (found, _ float64) {
	if kernel.For[T]().Bounded(xs, largest) {
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

// skippable marks an error for which WithSkipNonFinite skips the step.
type skippable struct{ error }

func (s skippable) Unwrap() error { return s.error }

// checkNumber returns an error if x is not finite.
func checkNumber(what string, x float64) error {
	if isFinite(x) {
		return nil
	}
	return skippable{fmt.Errorf("%w: the %s is %v: find the cause%s", ErrNonFinite, what, x,
		orSkip)}
}

const orSkip = ", or skip such steps with WithSkipNonFinite"

// checkFinite returns an error that names the first gradient element that is not finite or, if
// squared is true, the first element whose square is not finite.
func checkFinite(m *bind.Model, squared bool) error {
	pass := nonFiniteGrads
	if squared {
		pass = nonFiniteSquares
	}
	if bad, _ := m.Sum(pass); bad == 0 {
		return nil
	}
	name, at, x := m.Find(pass)
	why, remedy := "", "find the cause"
	if size := math.Abs(x); isFinite(size) {
		why, remedy = ", and its square overflows", "divide the loss by a constant"
		if size <= math.MaxFloat32 { // a float64 holds the square, so WithClip can compute the norm
			remedy += ", use WithClip"
		}
	}
	return skippable{fmt.Errorf("%w: the gradient of %s is %v at element %d%s: %s%s", ErrNonFinite,
		name, x, at, why, remedy, orSkip)}
}
