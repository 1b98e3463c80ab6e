// Package kernel implements the arithmetic of an optimizer step: fused passes over flat slices.
//
// Scalar Go defines every pass. On amd64 each pass also exists as AVX2 assembly. Both compute the
// same bits: they round products before they add them, they round square roots and divisions
// correctly, and they sum inner products in the same eight lanes. So a training run gives the same
// numbers with and without assembly.
package kernel

import (
	"math"
	"unsafe"
)

// Float is the element type of a parameter.
type Float interface{ float32 | float64 }

// Passes has the passes of an L4 step for one element type. The slices of one call must have the
// same length and must not overlap.
type Passes[T Float] interface {
	// Bounded reports whether every |g[i]| is at most limit. It returns false if an element is NaN.
	Bounded(g []T, limit T) bool

	// Direct adds the gradient g to the running average mean, and its elementwise square to the
	// running average squares. Then it overwrites g with the update direction v: Adam's direction,
	// or the momentum if squares is nil. Direct returns the inner product of the bias-corrected
	// mean with v, and ‖v‖².
	Direct(g, mean, squares []T, c *Coefficients[T]) (dot, norm float64)

	// Update computes w[i] -= eta*v[i] with a finite eta, and zeroes v.
	Update(w, v []T, eta T)

	// UpdateFrom does the same as Update. It returns the squared distance of the weights from
	// start, with each difference rounded to T.
	UpdateFrom(w, v, start []T, eta T) (square float64)
}

// For returns the fastest passes for an element type that this processor can run.
func For[T Float]() Passes[T] {
	if p, ok := any(&Float32).(*Passes[T]); ok {
		return *p
	}
	return *any(&Float64).(*Passes[T])
}

// NewVector returns n elements that are 0. Give each vector that a pass reads another number, from
// 1 on: each number shifts the start of the vector within its memory page. Large allocations start
// at the start of a page. Vectors that start at the same position in their pages compete for the
// same cache lines, which can halve the speed of a pass.
func NewVector[T Float](n, number int) []T {
	var x T
	begin := number * (4096 + 64) / int(unsafe.Sizeof(x))
	if n < begin { // small allocations do not start at the start of a page
		return make([]T, n)
	}
	return make([]T, begin+n)[begin:]
}

// FlushEvery is the number of steps between two calls of Flush for an average.
const FlushEvery = 64

// Flush zeroes the subnormal numbers in xs. If gradients stay zero, an average decays to subnormal
// numbers, which never decay to zero and make every later step slower.
func Flush[T Float](xs []T) {
	for i, x := range xs {
		if -Tiny[T]() < x && x < Tiny[T]() {
			xs[i] = 0
		}
	}
}

// Largest returns the largest finite number of the type.
func Largest[T Float]() T {
	var x T
	if unsafe.Sizeof(x) == 4 {
		return T(math.MaxFloat32)
	}
	// math.MaxFloat64 is not a constant of type T.
	return T(math.Float64frombits(0x7fefffffffffffff))
}

// Tiny returns the smallest normal number of the type.
func Tiny[T Float]() T {
	var x T
	if unsafe.Sizeof(x) == 4 {
		return 0x1p-126
	}
	return T(math.Float64frombits(1 << 52)) // 0x1p-1022 is not a constant of type T
}

// Decay holds the factors of one average in one step: avg = Keep*avg + Add*x. avg*Correct is the
// bias-corrected average.
type Decay[T Float] struct{ Keep, Add, Correct T }

// DecayOf returns the factors rounded to T.
func DecayOf[T Float](d Decay[float64]) Decay[T] {
	return Decay[T]{Keep: T(d.Keep), Add: T(d.Add), Correct: T(d.Correct)}
}

// Fold adds x to an average and returns the bias-corrected average.
func (d *Decay[T]) Fold(average *T, x T) T {
	// The conversion T(x*y) prevents the compiler from fusing the product and the sum.
	*average = T(d.Keep**average) + T(d.Add*x)
	return *average * d.Correct
}

// Coefficients holds the scalars of Direct in one step. The assembly depends on the layout.
type Coefficients[T Float] struct {
	Mean, Square Decay[T]
	Epsilon      T // added to the root of the average of the squares; at least Tiny
}

// Lanes holds the partial sums of an inner product. As in the assembly, product i is added to lane
// i mod 8.
type Lanes [8]float64

// Add adds product number i, x·y. The product of two float32 numbers is exact.
func (l *Lanes) Add(i int, x, y float64) { l[i%len(l)] += float64(x * y) }

// Total returns the sum.
func (l *Lanes) Total() float64 {
	return ((l[0] + l[4]) + (l[2] + l[6])) + ((l[1] + l[5]) + (l[3] + l[7]))
}
