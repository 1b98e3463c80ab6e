// Package baseline has optimizers of other authors as solvers for Gorgonia, to compare L4 with.
// Three have a constant learning rate and can clip gradients. Four choose the learning rate
// themselves. Each follows its authors' description, with their defaults.
//
// A model is treated as one vector of all its weights. The arithmetic and the state are float64 for
// every dtype of the weights. The weights are rounded to their dtype once in each step.
package baseline

import (
	"gorgonia.org/gorgonia"

	"github.com/l4-go/l4/internal/bind"
	"github.com/l4-go/l4/internal/flat"
	"github.com/l4-go/l4/internal/kernel"
)

// Solver updates a model by one of the methods. A Solver is for one model, and only one goroutine
// may use it at a time.
type Solver struct {
	method method
	model  bind.Model
	starts []int // the index of each tensor's first element in w and g
	w, g   []float64
}

var _ gorgonia.Solver = (*Solver)(nil)

// Step updates the weights of the model in place and zeroes the gradients.
func (s *Solver) Step(model []gorgonia.ValueGrad) error {
	if err := s.model.Bind(model); err != nil {
		return err
	}
	first := s.w == nil
	if first {
		n := 0
		for i := range s.model.Len() {
			s.starts = append(s.starts, n)
			n += s.model.Tensor(i).Size()
		}
		s.w, s.g = make([]float64, n), make([]float64, n)
	}
	s.model.Sum(flat.NewPass(s, read[float32], read[float64]))
	if first {
		s.method.start(s.w)
	}
	s.method.step(s.w, s.g)
	s.write()
	s.model.ZeroGrads()
	return nil
}

// method is an optimization method for one vector of weights.
type method interface {
	// start is called once, before the first step, with the initial weights.
	start(w []float64)
	// step updates the weights w, given the gradient g at w. It may overwrite g.
	step(w, g []float64)
}

func read[T kernel.Float](s *Solver, p *flat.Part[T]) (_, _ float64) {
	at := s.starts[p.Tensor] + p.Lo
	for i, w := range p.W {
		s.w[at+i], s.g[at+i] = float64(w), float64(p.G[i])
	}
	return 0, 0
}

// write sets the weights of the model to w.
func (s *Solver) write() {
	s.model.Sum(flat.NewPass(s, write[float32], write[float64]))
	s.model.Commit()
}

func write[T kernel.Float](s *Solver, p *flat.Part[T]) (_, _ float64) {
	from := s.w[s.starts[p.Tensor]+p.Lo:]
	for i := range p.W {
		p.W[i] = T(from[i])
	}
	return 0, 0
}
