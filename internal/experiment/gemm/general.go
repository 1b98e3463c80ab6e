package gemm

import (
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"
)

// General sets C to alpha·op(A)·op(B) + beta·C by gonum. It is for products that are too small to
// be packed. op(A) has m rows, and op(B) has n columns and k rows. lda, ldb and ldc are the
// distances between rows.
func General[T Float](
	tA, tB blas.Transpose, m, n, k int, alpha T, a []T, lda int, b []T, ldb int,
	beta T, c []T, ldc int,
) {
	var g gonum.Implementation
	switch c := any(c).(type) {
	case []float32:
		g.Sgemm(tA, tB, m, n, k, float32(alpha), any(a).([]float32), lda, any(b).([]float32), ldb,
			float32(beta), c, ldc)
	case []float64:
		g.Dgemm(tA, tB, m, n, k, float64(alpha), any(a).([]float64), lda, any(b).([]float64), ldb,
			float64(beta), c, ldc)
	}
}
