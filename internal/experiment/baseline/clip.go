package baseline

import "gonum.org/v1/gonum/floats"

// ClipNorm makes the solver scale gradients with a Euclidean norm above limit down to that norm. It
// returns the solver.
func (s *Solver) ClipNorm(limit float64) *Solver {
	s.method = &clipped{s.method, limit}
	return s
}

type clipped struct {
	method
	limit float64
}

func (c *clipped) step(w, g []float64) {
	if norm := floats.Norm(g, 2); norm > c.limit {
		floats.Scale(c.limit/norm, g)
	}
	c.method.step(w, g)
}
