package l4_test

import (
	"strings"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// trainFrom calls first, which may make unusual steps, and then trains a classifier with a hidden
// layer on small batches. It returns the loss of all samples.
func trainFrom(t *testing.T, newSolver newSolver, seed uint64, steps int,
	first func(c *classifier, step func())) float64 {
	t.Helper()
	c := newClassifier(seed, true)
	s := newSolver(valuer{c.loss})
	if first != nil {
		first(c, func() {
			if err := s.Step(valueGrads(c.model)); err != nil {
				t.Fatal(err)
			}
		})
	}
	_, last := c.train(t, s, steps, samples/10)
	return last
}

// scale multiplies loss and gradients.
func (c *classifier) scale(loss, grads float64) {
	*c.loss *= gorgonia.F64(loss)
	for _, p := range c.model {
		p.setGrad(scaled(numbers(p.g), grads))
	}
}

// TestOddStarts: a run with unusual first steps ends with a loss like other runs'.
func TestOddStarts(t *testing.T) {
	for name, first := range map[string]func(c *classifier, step func()){
		"an outlier in the first batch, squared error": func(c *classifier, step func()) {
			c.eval(0, 20)
			c.scale(1e6, 1e3)
			step()
		},
		"an outlier in the first batch, absolute error": func(c *classifier, step func()) {
			c.eval(0, 20)
			c.scale(1e6, 1)
			step()
		},
		"a first loss of 1e-12": func(c *classifier, step func()) {
			c.eval(0, 20)
			c.scale(1e-12, 1e-12)
			step()
		},
		"tiny first gradients": func(c *classifier, step func()) {
			for i := range 5 {
				c.eval(i*20, i*20+20)
				c.scale(1, 1e-8)
				step()
			}
		},
		"no first gradients": func(c *classifier, step func()) {
			for i := range 5 {
				c.eval(i*20, i*20+20)
				c.scale(1, 0)
				step()
			}
		},
	} {
		for solverName, newSolver := range solvers {
			for seed := range uint64(2) {
				got := trainFrom(t, newSolver, seed, 1000, first)
				want := trainFrom(t, newSolver, seed, 1000, nil)
				t.Logf("%s, %s: loss %.4f, usually %.4f", name, solverName, got, want)
				most := 1.1
				if strings.HasPrefix(name, "an outlier") {
					most = 1.2 // Adam's variance remembers it for some 1,000 steps
				}
				if got > most*want {
					t.Errorf("%s, %s: loss %v, usually %v", name, solverName, got, want)
				}
			}
		}
	}
}

// TestQuietBeginning: after 1000 steps with a tiny loss and noise for gradients, as of a net that
// predicts rewards before the first reward, training continues as usual.
func TestQuietBeginning(t *testing.T) {
	for name, newSolver := range solvers {
		got := trainFrom(t, newSolver, 1, 200, func(c *classifier, step func()) {
			for i := range 1000 {
				for k, p := range c.model {
					p.setGrad(scaled(ramp(p.w.Shape().TotalSize(), uint64(i*10+k)), 1e-3))
				}
				*c.loss = 1e-6
				step()
			}
		})
		want := trainFrom(t, newSolver, 1, 200, nil)
		t.Logf("%s: loss %.4f, usually %.4f", name, got, want)
		if got > 1.1*want {
			t.Errorf("%s: loss %v, usually %v", name, got, want)
		}
	}
}

// TestUnitOfLoss: the weights do not depend on the unit of the loss, if Adam's ε of 1e-8 is small
// compared with the gradients.
func TestUnitOfLoss(t *testing.T) {
	everyProblem(t, func(t *testing.T, p problem, newSolver newSolver) {
		want := newTrial(t, p, tensor.Float64, newSolver).run(100)
		for _, unit := range []float64{0x1p-20, 0x1p-10, 0x1p10, 0x1p20} { // 1e-6 to 1e6
			got := newTrial(t, inUnit(p, unit), tensor.Float64, newSolver).run(100)
			tolerance := 1e-5
			if unit < 0x1p-10 && strings.Contains(t.Name(), "L4Adam") {
				tolerance = 0.01
			}
			wantClose(t, weightsOf(got.model), weightsOf(want.model), tolerance)
		}
	})
}

// inUnit returns a problem with its loss in another unit.
func inUnit(p problem, unit float64) problem {
	loss := p.loss
	p.loss = func(w, grad []float64) float64 {
		l := unit * loss(w, grad)
		for i := range grad {
			grad[i] *= unit
		}
		return l
	}
	return p
}

// TestUnitOfWeights: the trajectory does not depend on the unit of the weights.
func TestUnitOfWeights(t *testing.T) {
	everyProblem(t, func(t *testing.T, p problem, newSolver newSolver) {
		want := newTrial(t, p, tensor.Float64, newSolver).run(100)
		for _, unit := range []float64{0x1p-10, 0x1p10} { // 1e-3 to 1e3
			q := p
			q.start = scaled(p.start, unit)
			q.loss = func(w, grad []float64) float64 {
				l := p.loss(scaled(w, 1/unit), grad)
				for i := range grad {
					grad[i] /= unit
				}
				return l
			}
			got := newTrial(t, q, tensor.Float64, newSolver).run(100)
			wantClose(t, scaled(weightsOf(got.model), 1/unit), weightsOf(want.model), 1e-5)
		}
	})
}

// TestNegativeLosses: a noise-free loss that starts below zero comes near its minimum, which can be
// far below zero and is not known to the solver.
func TestNegativeLosses(t *testing.T) {
	for name, newSolver := range solvers {
		for _, first := range []float64{-1, -5, -50} {
			for _, depth := range []float64{1, 100, 1e4} { // from the first loss to the minimum
				p := problems["quadratic"]
				loss := p.loss
				start := loss(p.start, make([]float64, len(p.start)))
				p.loss = func(w, grad []float64) float64 {
					l := loss(w, grad) * depth / start
					for i := range grad {
						grad[i] *= depth / start
					}
					return l + first - depth
				}
				tr := newTrial(t, p, tensor.Float64, newSolver).run(1500)
				last := tr.losses[len(tr.losses)-1]
				left := (last - (first - depth)) / depth
				t.Logf("%s from %v to %v: %v is left", name, first, first-depth, left)
				if left > 0.02 {
					t.Errorf("%s from %v to %v: %v, %v of the way is left", name, first,
						first-depth, last, left)
				}
			}
		}
	}
}
