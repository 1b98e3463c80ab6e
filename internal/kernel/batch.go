package kernel

import (
	"gonum.org/v1/gonum/blas/blas32"
	"gonum.org/v1/gonum/blas/blas64"
)

// Add computes sum += x. Both slices must have the same length.
func Add[T Float](sum, x []T) {
	switch x := any(x).(type) {
	case []float32:
		blas32.Axpy(1, vector32(x), vector32(any(sum).([]float32)))
	case []float64:
		blas64.Axpy(1, vector64(x), vector64(any(sum).([]float64)))
	}
}

// Divide computes x /= n. n must be above 0.
func Divide[T Float](x []T, n int) {
	if n == 1 {
		return
	}
	if n&(n-1) != 0 {
		for i := range x {
			x[i] /= T(n)
		}
		return
	}
	// The inverse of a power of two is exact.
	switch x := any(x).(type) {
	case []float32:
		blas32.Scal(1/float32(n), vector32(x))
	case []float64:
		blas64.Scal(1/float64(n), vector64(x))
	}
}

func vector32(x []float32) blas32.Vector { return blas32.Vector{N: len(x), Inc: 1, Data: x} }
func vector64(x []float64) blas64.Vector { return blas64.Vector{N: len(x), Inc: 1, Data: x} }
