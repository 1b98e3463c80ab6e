package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

func testBatch[T Float](t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for n := 1; n <= 40; n++ {
		sum, x, want := make([]T, n), make([]T, n), make([]T, n)
		for i := range x {
			sum[i], x[i] = T(r.NormFloat64()), T(r.NormFloat64())
		}
		x[r.IntN(n)] = T(math.NaN())
		x[r.IntN(n)] = Tiny[T]()
		for i := range want {
			want[i] = T(sum[i]+x[i]) / T(n)
		}
		Add(sum, x)
		Divide(sum, n)
		for i := range want {
			if sum[i] != want[i] && (sum[i] == sum[i] || want[i] == want[i]) {
				t.Errorf("%d elements: element %d is %v, want %v", n, i, sum[i], want[i])
			}
		}
	}
}

func TestBatch(t *testing.T) {
	t.Run("float32", testBatch[float32])
	t.Run("float64", testBatch[float64])
}
