package kernel

import "math"

// scalar is the Go implementation, which defines the results of the assembly.
type scalar[T Float] struct{}

func (scalar[T]) Bounded(g []T, limit T) bool {
	for _, x := range g {
		if !(-limit <= x && x <= limit) {
			return false
		}
	}
	return true
}

func (scalar[T]) Direct(g, mean, squares []T, c *Coefficients[T]) (dot, norm float64) {
	var dots, norms Lanes
	for i, x := range g {
		m := c.Mean.Fold(&mean[i], x)
		v := m
		if squares != nil {
			v /= T(math.Sqrt(float64(c.Square.Fold(&squares[i], x*x)))) + c.Epsilon
		}
		g[i] = v
		dots.Add(i, float64(m), float64(v))
		norms.Add(i, float64(v), float64(v))
	}
	return dots.Total(), norms.Total()
}

func (scalar[T]) Update(w, v []T, eta T) {
	w = w[:len(v)]
	for i, x := range v {
		w[i] -= T(eta * x)
		v[i] = 0
	}
}

func (s scalar[T]) UpdateFrom(w, v, start []T, eta T) (square float64) {
	s.Update(w, v, eta)
	var squares Lanes
	for i, x := range w[:len(v)] {
		d := float64(x - start[i])
		squares.Add(i, d, d)
	}
	return squares.Total()
}
