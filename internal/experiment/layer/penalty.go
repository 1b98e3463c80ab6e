package layer

import (
	"github.com/pkg/errors"
	G "gorgonia.org/gorgonia"

	"github.com/l4-go/l4/internal/op"
)

// L2 returns the penalty λ/2·‖w‖² over all weights, a scalar to add to a loss.
func L2(lambda float64, weights ...*G.Node) (*G.Node, error) {
	if len(weights) == 0 || !(lambda >= 0) {
		return nil, errors.Errorf("layer: L2: λ is %v over %d weights, "+
			"want λ of 0 or more over at least one", lambda, len(weights))
	}
	return op.ApplyEither(op.Spec{Name: "L2"}, lambda, newL2[float32], newL2[float64], weights...)
}

type l2[T op.Float] struct{ lambda T }

func newL2[T op.Float](lambda float64) op.Module[T] { return l2[T]{T(lambda)} }

func (m l2[T]) Forward(out []T, in [][]T) {
	square := 0.0
	for _, ws := range in {
		for _, w := range ws {
			square += float64(w) * float64(w)
		}
	}
	out[0] = T(float64(m.lambda) / 2 * square)
}

func (m l2[T]) Backward(grads, in [][]T, _, dout []T) {
	for k, ws := range in {
		for i, w := range ws {
			grads[k][i] = dout[0] * m.lambda * w
		}
	}
}
