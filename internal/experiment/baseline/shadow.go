package baseline

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
