package l4

import (
	"fmt"
	"math"

	"github.com/l4-go/l4/internal/bind"
	"github.com/l4-go/l4/internal/flat"
	"github.com/l4-go/l4/internal/kernel"
)

// Passes that are not 0 for a part that has an element of a kind.
var (
	nonFiniteGrads = flat.Pass{F32: unboundedGrads(float32(math.MaxFloat32)),
		F64: unboundedGrads(math.MaxFloat64)}
	nonFiniteWeights = flat.Pass{F32: unboundedWeights(float32(math.MaxFloat32)),
		F64: unboundedWeights(math.MaxFloat64)}
	// Gradients whose squares are not finite.
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

// skippable is an error of a step that WithSkipNonFinite may skip.
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

// checkFinite returns an error that names the first element that is not finite or, if squared is
// true, whose square is not.
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
		if size <= math.MaxFloat32 { // a float32, whose norm is a float64
			remedy += ", use WithClip"
		}
	}
	return skippable{fmt.Errorf("%w: the gradient of %s is %v at element %d%s: %s%s", ErrNonFinite,
		name, x, at, why, remedy, orSkip)}
}
