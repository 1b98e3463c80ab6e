package compare

import "math/rand/v2"

// Normals draws n normal numbers with mean 0 and the given standard deviation.
func Normals(r *rand.Rand, n int, deviation float64) []float64 {
	xs := make([]float64, n)
	for i := range xs {
		xs[i] = deviation * r.NormFloat64()
	}
	return xs
}
