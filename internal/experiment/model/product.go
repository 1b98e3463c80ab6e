package model

import (
	"runtime"
	"sync"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/blas/gonum"
	"gorgonia.org/tensor"
)

// gemm sets c to alpha·op(a)·op(b) + beta·c for row-major matrices.
func gemm(alpha float64, tA blas.Transpose, a *tensor.Dense, tB blas.Transpose, b *tensor.Dense, beta float64, c *tensor.Dense) {
	if c.Dtype() == tensor.Float32 {
		m := func(t *tensor.Dense) blas32.General {
			return blas32.General{Rows: t.Shape()[0], Cols: t.Shape()[1], Stride: t.Shape()[1], Data: t.Float32s()}
		}
		blas32.Gemm(tA, tB, float32(alpha), m(a), m(b), float32(beta), m(c))
		return
	}
	m := func(t *tensor.Dense) blas64.General {
		return blas64.General{Rows: t.Shape()[0], Cols: t.Shape()[1], Stride: t.Shape()[1], Data: t.Float64s()}
	}
	blas64.Gemm(tA, tB, alpha, m(a), m(b), beta, m(c))
}

// pureGo tells whether the BLAS in use is Gonum's, whose gemm is slower than product.
func pureGo() bool {
	_, ok := blas32.Implementation().(gonum.Implementation)
	return ok
}

// product sets c to op(a)·b + beta·c, with a beta of 0 or 1.
func product(tA blas.Transpose, a, b *tensor.Dense, beta float64, c *tensor.Dense) {
	if !pureGo() {
		gemm(1, tA, a, blas.NoTrans, b, beta, c)
		return
	}
	if beta == 0 {
		c.Zero()
	}
	inner, cols := b.Shape()[0], b.Shape()[1]
	if c.Dtype() == tensor.Float32 {
		addRows(gonum.Implementation{}.Saxpy, tA, a.Float32s(), b.Float32s(), c.Float32s(), inner, cols)
	} else {
		addRows(gonum.Implementation{}.Daxpy, tA, a.Float64s(), b.Float64s(), c.Float64s(), inner, cols)
	}
}

const (
	blockRows    = 64      // of b, which are to stay in the cache
	parallelWork = 1 << 22 // multiplications from which on goroutines are worth their start
)

// addRows adds op(a)·b to c, where b has the shape (inner, cols). It adds multiples of whole rows of b, except
// those by zero: four fifths of the pixels of MNIST are zero, and half of what a rectifier returns. The bits of
// the result do not depend on how many goroutines share the rows of c.
func addRows[T float32 | float64](axpy func(n int, alpha T, x []T, incX int, y []T, incY int), tA blas.Transpose, a, b, c []T, inner, cols int) {
	rows := len(c) / cols
	nextRow, nextCol := inner, 1
	if tA == blas.Trans {
		nextRow, nextCol = 1, rows
	}
	add := func(from, to int) {
		for block := 0; block < inner; block += blockRows {
			end := min(block+blockRows, inner)
			for i := from; i < to; i++ {
				row := c[i*cols : (i+1)*cols]
				for l := block; l < end; l++ {
					if x := a[i*nextRow+l*nextCol]; x != 0 {
						axpy(cols, x, b[l*cols:(l+1)*cols], 1, row, 1)
					}
				}
			}
		}
	}
	if rows*inner*cols < parallelWork {
		add(0, rows)
		return
	}
	var done sync.WaitGroup
	procs := runtime.GOMAXPROCS(0)
	for p := 1; p < procs; p++ {
		done.Go(func() { add(p*rows/procs, (p+1)*rows/procs) })
	}
	add(0, rows/procs)
	done.Wait()
}

func transpose[T float32 | float64](out, in []T, rows, cols int) {
	for i := range rows {
		for j, x := range in[i*cols : (i+1)*cols] {
			out[j*rows+i] = x
		}
	}
}
