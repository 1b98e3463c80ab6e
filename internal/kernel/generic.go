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

func (scalar[T]) Direct(g []T, a *Averages[T], lo int, c *Coefficients[T]) float64 {
	mean := a.Mean[lo : lo+len(g)]
	var square []T
	if a.Square != nil {
		square = a.Square[lo : lo+len(g)]
	}
	var dots Lanes
	for i, x := range g {
		m := c.Mean.Fold(&mean[i], x)
		v := m
		if square != nil {
			v /= T(math.Sqrt(float64(c.Square.Fold(&square[i], x*x)))) + c.Epsilon
		}
		g[i] = v
		dots.Add(i, float64(m), float64(v))
	}
	return dots.Total()
}

func (scalar[T]) Update(w, v []T, eta T) {
	w = w[:len(v)]
	for i, x := range v {
		w[i] -= T(eta * x)
		v[i] = 0
	}
}
