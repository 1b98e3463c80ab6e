// Package kernel holds the arithmetic of an optimizer step: fused passes over flat slices, and the
// cutting of a model into blocks that run on all cores.
//
// Every pass exists as scalar Go, which defines it, and on amd64 as AVX2 assembly. The two agree bit for
// bit: products are rounded before they are added, square roots and divisions are the correctly rounded
// ones, and inner products are summed in the same eight lanes. A training run therefore gives the same
// numbers with either.
package kernel

import (
	"math"
	"unsafe"
)

// Float is the element type of a parameter.
type Float interface{ float32 | float64 }

// Passes are the three passes of an L4 step for one element type. The slices of one call have equal length
// and do not overlap.
type Passes[T Float] interface {
	// Bounded reports whether every |g[i]| is at most limit. NaN is not.
	Bounded(g []T, limit T) bool

	// Direct folds the gradient g into the averages a from element lo on, overwrites g with the update
	// direction v and returns the inner product of the gradient estimate with v.
	Direct(g []T, a *Averages[T], lo int, c *Coefficients[T]) float64

	// DirectSlope is Direct and returns also the slope along the last step's direction, the inner product of the
	// gradient g with it, times the factor in c.Last. The direction is formed of the last step's mean and this step's
	// square. The products are added in the precision of T.
	DirectSlope(g []T, a *Averages[T], lo int, c *Coefficients[T]) (dot, slope float64)

	// Update moves the weights, w[i] -= eta*v[i], and zeroes v.
	Update(w, v []T, eta T)
}

// Averages are the exponential running averages of a parameter, before bias correction.
type Averages[T Float] struct {
	Mean   []T // of the gradient: the momentum
	Square []T // of its elementwise square; nil if the direction is the momentum itself
	Grad   []T // of the gradient again, on a time scale of its own; nil if Mean serves
}

// NewAverages returns averages of n elements, all zero.
func NewAverages[T Float](n int, square, grad bool) Averages[T] {
	// Arrays that begin at the same place in their pages, as large allocations do, contend for the same
	// lines of the cache, which can halve the speed of a pass. So each begins a little later than the last.
	const stagger = 4096 + 64 // bytes
	begin := 0
	next := func() []T {
		var x T
		begin += stagger / int(unsafe.Sizeof(x))
		if n < begin { // small tensors do not begin at a page
			return make([]T, n)
		}
		return make([]T, begin+n)[begin:]
	}
	a := Averages[T]{Mean: next()}
	if square {
		a.Square = next()
	}
	if grad {
		a.Grad = next()
	}
	return a
}

// FlushEvery is the number of steps after which the averages are to be flushed.
const FlushEvery = 64

// Flush zeroes the denormal numbers among the averages of the elements lo to hi. Where gradients stay zero an
// average decays to denormal numbers, which never become zero by themselves and slow down each step to come.
func (a *Averages[T]) Flush(lo, hi int) {
	for _, x := range [][]T{a.Mean, a.Square, a.Grad} {
		if x == nil {
			continue
		}
		x = x[lo:hi]
		for i, v := range x {
			if -Tiny[T]() < v && v < Tiny[T]() {
				x[i] = 0
			}
		}
	}
}

// Tiny is the smallest normal number of the type.
func Tiny[T Float]() T {
	var x T
	if unsafe.Sizeof(x) == 4 {
		return 0x1p-126
	}
	return T(math.Float64frombits(1 << 52)) // 0x1p-1022, which is no constant of type T
}

// Decay are the factors of one average at one step: avg = Keep*avg + Add*x, and avg*Correct is free of
// the bias towards the initial zero.
type Decay[T Float] struct{ Keep, Add, Correct T }

// Coefficients are the scalars of the Direct pass at one step. The assembly knows this layout.
type Coefficients[T Float] struct {
	Mean, Square, Grad Decay[T]
	Epsilon            T // added to the root of the squares' average; at least the smallest normal number
	Last               T // Mean.Correct of the last step times a factor
}
