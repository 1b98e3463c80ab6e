// Package baseline has other people's optimizers as solvers for Gorgonia, to compare with: three
// with a constant learning rate, whose gradients can be clipped, and four that choose it
// themselves. Each works as its authors describe it, with their defaults.
//
// A model is treated as one vector of all its weights. The arithmetic and the state are float64
// whatever the dtype of the weights, which are rounded once a step.
package baseline

import (
	"gorgonia.org/gorgonia"
)

// method is an optimizer of one vector.
type method interface {
	// start is called once, before the first step, with the initial weights.
	start(w []float64)
	// step moves the weights w, given the gradient g at w.
	step(w, g []float64)
}

// Solver steps a model by one of the methods. It belongs to one model of dense row-major tensors of
// float32 or float64, and may not be used from two goroutines at once.
type Solver struct {
	method method
	model  model
	w, g   []float64
}

var _ gorgonia.Solver = (*Solver)(nil)

// Step moves the weights of the model in place and zeroes the gradients.
func (s *Solver) Step(params []gorgonia.ValueGrad) error {
	first := s.w == nil
	if err := s.model.bind(params); err != nil {
		return err
	}
	if first {
		s.w, s.g = make([]float64, s.model.len), make([]float64, s.model.len)
	}
	s.model.readWeights(s.w)
	s.model.readGrads(s.g)
	if first {
		s.method.start(s.w)
	}
	s.method.step(s.w, s.g)
	s.model.writeWeights(s.w)
	s.model.zeroGrads()
	return nil
}
