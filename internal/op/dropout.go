package op

import "math/rand/v2"

// Dropout describes a module that sets each of Size elements to 0 with a Probability below 1, and
// multiplies the other elements by 1/(1 - Probability). Each run draws new numbers from Source.
type Dropout struct {
	Size        int
	Probability float64
	Source      rand.Source
}

// dropout is a Dropout for a dtype.
type dropout[T Float] struct {
	Dropout
	rand    *rand.Rand
	off     bool
	factors []T // factors of the elements in the last run
}

// NewDropout returns a module for ApplyEither.
func NewDropout[T Float](d Dropout) Module[T] {
	return &dropout[T]{Dropout: d, rand: rand.New(d.Source), factors: make([]T, d.Size)}
}

// Rand returns the source of random numbers.
func (d Dropout) Rand() rand.Source { return d.Source }

// SetTraining switches dropping on or off.
func (m *dropout[T]) SetTraining(training bool) { m.off = !training }

func (m *dropout[T]) Forward(out []T, in [][]T) {
	for i := range m.factors {
		switch {
		case m.off:
			m.factors[i] = 1
		case m.rand.Float64() >= m.Probability:
			m.factors[i] = T(1 / (1 - m.Probability))
		default:
			m.factors[i] = 0
		}
	}
	for i, x := range in[0] {
		out[i] = m.factors[i] * x // NaN stays NaN
	}
}

func (m *dropout[T]) Backward(grads, _ [][]T, _, dout []T) {
	for i, d := range dout {
		grads[0][i] = m.factors[i] * d
	}
}
