// Package kernel holds the arithmetic of an optimizer step: fused passes over flat slices.
//
// Every pass exists as scalar Go, which defines it, and on amd64 as AVX2 assembly. The two agree
// bit for bit: products are rounded before they are added, square roots and divisions are the
// correctly rounded ones, and inner products are summed in the same eight lanes. A training run
// therefore gives the same numbers with either.
package kernel

import (
	"math"
	"unsafe"
)

// Float is the element type of a parameter.
type Float interface{ float32 | float64 }

// Passes are the passes of an L4 step for one element type. The slices of one call have equal
// length and do not overlap.
type Passes[T Float] interface {
	// Bounded reports whether every |g[i]| is at most limit. NaN is not.
	Bounded(g []T, limit T) bool

	// Direct folds the gradient g into the exponential running averages of the gradient and of its
	// elementwise square, and overwrites g with the update direction v. That is Adam's, or the
	// momentum if squares is nil. It returns the inner product of the mean, free of bias, with v,
	// and the squared norm of v.
	Direct(g, mean, squares []T, c *Coefficients[T]) (dot, norm float64)

	// Update moves the weights, w[i] -= eta*v[i], and zeroes v.
	Update(w, v []T, eta T)

	// UpdateFrom is Update. It returns the squared distance of the weights from start, with
	// each difference rounded to T.
	UpdateFrom(w, v, start []T, eta T) (square float64)
}

// For returns the passes for an element type, the fastest that this processor can run.
func For[T Float]() Passes[T] {
	if p, ok := any(&Float32).(*Passes[T]); ok {
		return *p
	}
	return *any(&Float64).(*Passes[T])
}

// NewVector returns n elements, all zero, for a pass that reads other vectors beside it. Arrays
// that begin at the same place in their pages, as large allocations do, contend for the same lines
// of the cache, which can halve the speed of a pass. So each of a pass begins a little later than
// the last: the first is number 1.
func NewVector[T Float](n, number int) []T {
	var x T
	begin := number * (4096 + 64) / int(unsafe.Sizeof(x))
	if n < begin { // small tensors do not begin at a page
		return make([]T, n)
	}
	return make([]T, begin+n)[begin:]
}

// FlushEvery is the number of steps after which the averages are to be flushed.
const FlushEvery = 64

// Flush zeroes the denormal numbers in xs. Where gradients stay zero an average decays to denormal
// numbers, which never become zero by themselves and slow down each step to come.
func Flush[T Float](xs []T) {
	for i, x := range xs {
		if -Tiny[T]() < x && x < Tiny[T]() {
			xs[i] = 0
		}
	}
}

// Largest is the largest finite number of the type.
func Largest[T Float]() T {
	var x T
	if unsafe.Sizeof(x) == 4 {
		return T(math.MaxFloat32)
	}
	return T(math.Float64frombits(0x7fefffffffffffff)) // which is no constant of type T
}

// Tiny is the smallest normal number of the type.
func Tiny[T Float]() T {
	var x T
	if unsafe.Sizeof(x) == 4 {
		return 0x1p-126
	}
	return T(math.Float64frombits(1 << 52)) // 0x1p-1022, which is no constant of type T
}

// Decay are the factors of one average at one step: avg = Keep*avg + Add*x, and avg*Correct is free
// of the bias towards the initial zero.
type Decay[T Float] struct{ Keep, Add, Correct T }

// DecayOf returns the factors rounded to T.
func DecayOf[T Float](d Decay[float64]) Decay[T] {
	return Decay[T]{Keep: T(d.Keep), Add: T(d.Add), Correct: T(d.Correct)}
}

// Fold takes x into an average and returns the average free of bias.
func (d *Decay[T]) Fold(average *T, x T) T {
	// T(x*y) keeps the compiler from fusing the product into the sum.
	*average = T(d.Keep**average) + T(d.Add*x)
	return *average * d.Correct
}

// Coefficients are the scalars of the Direct pass at one step. The assembly knows this layout.
type Coefficients[T Float] struct {
	Mean, Square Decay[T]
	Epsilon      T // added to the root of the squares' average; at least the smallest normal number
}

// Lanes are the partial sums of an inner product, in the order of the assembly: product i goes to
// lane i mod 8.
type Lanes [8]float64

// Add adds product i, x·y. It is exact for two float32 numbers.
func (l *Lanes) Add(i int, x, y float64) { l[i%len(l)] += float64(x * y) }

// Total returns the sum.
func (l *Lanes) Total() float64 {
	return ((l[0] + l[4]) + (l[2] + l[6])) + ((l[1] + l[5]) + (l[3] + l[7]))
}
