package baseline

import "gorgonia.org/gorgonia"

// shadow is a second set of weights of a model, for evaluation.
type shadow struct {
	model   model
	weights []float64
	kept    []float64 // the weights in training, while the model holds the others
	swapped bool
}

// Swap puts the weights to evaluate into the model, and the ones in training back if it is called
// again. There must be no step between the two calls.
func (s *shadow) Swap() error {
	if s.swapped {
		s.model.writeWeights(s.kept)
	} else {
		if s.kept == nil {
			s.kept = make([]float64, s.model.len)
		}
		s.model.readWeights(s.kept)
		s.model.writeWeights(s.weights)
	}
	s.swapped = !s.swapped
	return nil
}

// Average is the average of a model's weights over the steps of any solver, with polynomial decay
// (O. Shamir and T. Zhang, ICML 2013): later weights count more, and the first are forgotten.
type Average struct {
	shadow
	t float64
	w []float64
}

// gamma is the decay's exponent, 8 as in DoG.
const gamma = 8

// NewAverage returns the average of a model's weights, which begins with the first Update.
func NewAverage(params []gorgonia.ValueGrad) (*Average, error) {
	var a Average
	if err := a.model.bind(params); err != nil {
		return nil, err
	}
	a.weights, a.w = make([]float64, a.model.len), make([]float64, a.model.len)
	return &a, nil
}

// Update takes the model's weights into the average. It is called after each step.
func (a *Average) Update() error {
	a.t++
	share := (1 + gamma) / (a.t + gamma)
	a.model.readWeights(a.w)
	for i, w := range a.w {
		a.weights[i] += share * (w - a.weights[i])
	}
	return nil
}
