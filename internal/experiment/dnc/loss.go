package dnc

import (
	"math"

	"github.com/pkg/errors"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/op"
)

// Loss returns the sigmoid cross-entropy of logits and targets, both of shape (steps, batch,
// outputs), summed over the steps with a mask of 1, and averaged over the batch. The mask has the
// shape (steps, batch) and is 0 or 1. Only the logits have a gradient.
func Loss(logits, targets, mask *G.Node) (*G.Node, error) {
	shape := logits.Shape()
	if len(shape) != 3 || !targets.Shape().Eq(shape) || !mask.Shape().Eq(shape[:2]) {
		return nil, errors.Errorf("dnc: loss: logits, targets and mask have shapes %v, %v and %v, "+
			"want (steps, batch, outputs) twice and (steps, batch)", shape, targets.Shape(),
			mask.Shape())
	}
	spec := op.Spec{Name: "MaskedCrossEntropy", Constant: []int{1, 2}}
	return op.ApplyEither(spec, shape, newLoss[float32], newLoss[float64], logits, targets, mask)
}

type loss[T op.Float] struct{ batch, outputs int }

func newLoss[T op.Float](s tensor.Shape) op.Module[T] { return loss[T]{s[1], s[2]} }

func (m loss[T]) Forward(out []T, in [][]T) {
	sum := 0.0
	for i, x := range in[0] {
		if in[2][i/m.outputs] != 0 {
			v := float64(x)
			sum += max(v, 0) - v*float64(in[1][i]) + math.Log1p(math.Exp(-math.Abs(v)))
		}
	}
	out[0] = T(sum / float64(m.batch))
}

func (m loss[T]) Backward(grads, in [][]T, _, dout []T) {
	scale := dout[0] / T(m.batch)
	for i, x := range in[0] {
		grads[0][i] = 0
		if in[2][i/m.outputs] != 0 {
			grads[0][i] = scale * (sigmoid(x) - in[1][i])
		}
	}
}
