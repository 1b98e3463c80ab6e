package kernel

import "math"

// generic returns the passes in scalar Go, the reference for the assembly.
func generic[T Float]() Passes[T] {
	return Passes[T]{Bounded: bounded[T], Direct: direct[T], Update: update[T]}
}

func bounded[T Float](g []T, limit T) bool {
	for _, x := range g {
		if !(-limit <= x && x <= limit) {
			return false
		}
	}
	return true
}

// lanes is the number of partial sums of an inner product: element i goes to sum i mod lanes.
const lanes = 8

func direct[T Float](g []T, a Averages[T], c *Coefficients[T]) float64 {
	mean := a.Mean[:len(g)]
	var sum [lanes]float64
	for i, x := range g {
		// T(x*y) keeps the compiler from fusing the product into the sum.
		m := T(c.Mean.Keep*mean[i]) + T(c.Mean.Add*x)
		mean[i] = m
		v := m * c.Mean.Correct
		est := v // the estimate of the gradient
		if a.Grad != nil {
			e := T(c.Grad.Keep*a.Grad[i]) + T(c.Grad.Add*x)
			a.Grad[i] = e
			est = e * c.Grad.Correct
		}
		if a.Square != nil {
			s := T(c.Square.Keep*a.Square[i]) + T(c.Square.Add*T(x*x))
			a.Square[i] = s
			v /= T(math.Sqrt(float64(s*c.Square.Correct))) + c.Epsilon
		}
		g[i] = v
		sum[i%lanes] += float64(float64(est) * float64(v))
	}
	return ((sum[0] + sum[4]) + (sum[2] + sum[6])) + ((sum[1] + sum[5]) + (sum[3] + sum[7]))
}

func update[T Float](w, v []T, eta T) {
	w = w[:len(v)]
	for i, x := range v {
		w[i] -= T(eta * x)
		v[i] = 0
	}
}
