package kernel

import "math"

// scalar are the passes in plain Go, the reference for the assembly.
type scalar[T Float] struct{}

func (scalar[T]) Bounded(g []T, limit T) bool {
	for _, x := range g {
		if !(-limit <= x && x <= limit) {
			return false
		}
	}
	return true
}

// lanes is the number of partial sums of an inner product: element i goes to sum i mod lanes.
const lanes = 8

func (scalar[T]) Direct(g []T, a *Averages[T], lo int, c *Coefficients[T]) float64 {
	mean := a.Mean[lo : lo+len(g)]
	var square, grad []T
	if a.Square != nil {
		square = a.Square[lo : lo+len(g)]
	}
	if a.Grad != nil {
		grad = a.Grad[lo : lo+len(g)]
	}
	var sum [lanes]float64
	for i, x := range g {
		// T(x*y) keeps the compiler from fusing the product into the sum.
		m := T(c.Mean.Keep*mean[i]) + T(c.Mean.Add*x)
		mean[i] = m
		v := m * c.Mean.Correct
		est := v // the estimate of the gradient
		if grad != nil {
			e := T(c.Grad.Keep*grad[i]) + T(c.Grad.Add*x)
			grad[i] = e
			est = e * c.Grad.Correct
		}
		if square != nil {
			s := T(c.Square.Keep*square[i]) + T(c.Square.Add*T(x*x))
			square[i] = s
			v /= T(math.Sqrt(float64(s*c.Square.Correct))) + c.Epsilon
		}
		g[i] = v
		sum[i%lanes] += float64(float64(est) * float64(v))
	}
	return ((sum[0] + sum[4]) + (sum[2] + sum[6])) + ((sum[1] + sum[5]) + (sum[3] + sum[7]))
}

func (scalar[T]) Update(w, v []T, eta T) {
	w = w[:len(v)]
	for i, x := range v {
		w[i] -= T(eta * x)
		v[i] = 0
	}
}
