package baseline

import (
	"math"

	"gonum.org/v1/gonum/floats"
	"gorgonia.org/gorgonia"

	"github.com/l4-go/l4/internal/objective"
)

// MoMoAdam is MoMo-Adam (F. Schaipp et al., MoMo: Momentum Models for Adaptive Learning Rates, ICML
// 2024): Adam with a learning rate that is the smaller of a given rate and the rate at which a
// model of the loss reaches the loss's lower bound.
type MoMoAdam struct {
	Solver
	reader objective.Reader
	method momo
}

// NewMoMoAdam returns MoMo-Adam with its authors' defaults: rate 1e-2, lower bound 0, no weight
// decay. The loss is a scalar or a tensor of one element; nil finds it, as in l4.NewL4Adam.
func NewMoMoAdam(loss gorgonia.Valuer) *MoMoAdam {
	s := &MoMoAdam{method: momo{rate: 1e-2}}
	s.SetLoss(loss)
	s.Solver.method = &s.method
	return s
}

// SetLoss sets the loss of the next step.
func (s *MoMoAdam) SetLoss(loss gorgonia.Valuer) { s.reader.Loss = loss }

// Step updates the weights of the model in place and zeroes the gradients.
func (s *MoMoAdam) Step(model []gorgonia.ValueGrad) (err error) {
	if s.method.loss, _, err = s.reader.Read(model); err != nil {
		return err
	}
	return s.Solver.Step(model)
}

type momo struct {
	rate float64
	loss float64 // of this step
	t    float64

	meanLoss, meanDot float64 // running averages of the loss and of gᵀw, both 0 at first
	moments
	direction []float64
}

func (m *momo) start(w []float64) {
	m.moments, m.direction = newMoments(len(w)), make([]float64, len(w))
}

func (m *momo) step(w, g []float64) {
	m.t++
	m.meanLoss += (1 - beta1) * (m.loss - m.meanLoss)
	m.meanDot += (1 - beta1) * (floats.Dot(g, w) - m.meanDot)
	m.add(g, 1)
	scale := 1 / (1 - math.Pow(beta2, m.t))
	for i, mean := range m.m {
		m.direction[i] = mean / (math.Sqrt(scale*m.v[i]) + epsilon)
	}
	slope := floats.Dot(m.m, m.direction)
	if slope == 0 {
		return // no direction
	}
	toBound := max(0, m.meanLoss-m.meanDot+floats.Dot(m.m, w)) / slope
	floats.AddScaled(w, -min(m.rate/(1-math.Pow(beta1, m.t)), toBound), m.direction)
}
