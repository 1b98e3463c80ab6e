package layer

import (
	"math/rand/v2"

	"github.com/pkg/errors"
	G "gorgonia.org/gorgonia"

	"github.com/l4-go/l4/internal/op"
)

// Dropout returns x with each element set to 0 by the given probability, below 1, and multiplied by
// 1/(1 - probability) otherwise. Each run of the graph draws from the source, so a source that is
// seeded before the run, with a different number for each run, makes runs that can be repeated.
func Dropout(x *G.Node, probability float64, source rand.Source) (*G.Node, error) {
	if !(probability >= 0 && probability < 1) {
		return nil, errors.Errorf("layer: dropout: probability %v, want 0 or more and less than 1",
			probability)
	}
	s := op.Spec{Name: "Dropout", Shape: x.Shape()}
	c := dropoutConfig{x.Shape().TotalSize(), probability, source}
	return op.ApplyEither(s, c, newDropout[float32], newDropout[float64], x)
}

type dropoutConfig struct {
	size        int
	probability float64
	source      rand.Source
}

type dropout[T op.Float] struct {
	rand        *rand.Rand
	probability float64
	factors     []T
}

func newDropout[T op.Float](c dropoutConfig) op.Module[T] {
	return &dropout[T]{rand.New(c.source), c.probability, make([]T, c.size)}
}

func (m *dropout[T]) Forward(out []T, in [][]T) {
	for i := range m.factors {
		m.factors[i] = 0
		if m.rand.Float64() >= m.probability {
			m.factors[i] = T(1 / (1 - m.probability))
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
