package compare

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestRight: the first of equal largest numbers counts, and a number that is not finite is wrong.
func TestRight(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	scores := []float64{
		0, 2, 1,
		3, -1, 3,
		3, -1, 3,
		nan, nan, nan,
		0, inf, 0,
		-5, -4, nan,
	}
	if n := Right(scores, []byte{1, 0, 2, 0, 1, 1}); n != 3 {
		t.Errorf("%d are right, want 3", n)
	}
	if n := Right([]float32{1, 2}, []byte{1}); n != 1 {
		t.Errorf("%d are right in float32", n)
	}
}

func TestNormals(t *testing.T) {
	xs := Normals(rand.New(rand.NewPCG(1, 2)), 10_000, 3)
	mean, square := 0.0, 0.0
	for _, x := range xs {
		mean += x / 10_000
		square += x * x / 10_000
	}
	if math.Abs(mean) > 0.1 || math.Abs(math.Sqrt(square)-3) > 0.1 {
		t.Errorf("mean %v, deviation %v", mean, math.Sqrt(square))
	}
}
