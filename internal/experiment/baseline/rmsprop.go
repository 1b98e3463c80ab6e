package baseline

import (
	"math"
	"slices"
)

// NewRMSProp returns RMSProp (T. Tieleman and G. Hinton, Coursera lecture 6.5, 2012) as TensorFlow
// implements it: the mean square of the gradient, over about 10 steps, starts from 1, and the
// epsilon of 1e-10 is added inside the square root.
func NewRMSProp(rate float64) *Solver { return &Solver{method: &rmsProp{rate: rate}} }

type rmsProp struct {
	rate float64
	v    []float64
}

func (r *rmsProp) start(w []float64) { r.v = slices.Repeat([]float64{1}, len(w)) }

func (r *rmsProp) step(w, g []float64) {
	for i, g := range g {
		r.v[i] = max(0.9*r.v[i]+0.1*g*g, least)
		w[i] -= r.rate * g / math.Sqrt(r.v[i]+1e-10)
	}
}
