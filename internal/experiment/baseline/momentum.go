package baseline

import "math"

// NewMomentum returns gradient descent with a momentum of 0.9.
func NewMomentum(rate float64) *Solver { return &Solver{method: &momentum{rate: rate}} }

type momentum struct {
	rate float64
	v    []float64
}

func (m *momentum) start(w []float64) { m.v = make([]float64, len(w)) }

func (m *momentum) step(w, g []float64) {
	for i, g := range g {
		m.v[i] = 0.9*m.v[i] + g
		if math.Abs(m.v[i]) < least {
			m.v[i] = 0
		}
		w[i] -= m.rate * m.v[i]
	}
}
