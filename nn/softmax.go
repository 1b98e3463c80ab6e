// Package nn provides two operations of neural nets that Gorgonia 0.9.18 computes wrongly:
//
//   - SoftmaxCrossEntropy is correct for every row and numerically stable for all logits, and
//     rounding does not make it negative.
//   - Dropout has the correct gradient.
//
// docs/gorgonia.md lists the faults of Gorgonia.
//
// The nodes work with the tape machine and with the Lisp machine. A node owns the memory of its
// value and of its gradient, so that it allocates no memory after the first run.
package nn

import (
	"math"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/op"
)

// SoftmaxCrossEntropy returns the softmax cross-entropy of logits x and targets y, averaged over
// the batch. Both have the shape (batch, classes). The result L is a scalar, with its gradient for
// the logits:
//
//	L = 1/batch · Σ_r Σ_i y[r,i] · (log Σ_j exp(x[r,j]) − x[r,i])
//	∂L/∂x[r,i] = (y[r,1] + … + y[r,classes]) · softmax(x[r])[i] / batch − y[r,i] / batch
//
// The targets can be one-hot vectors, probabilities or any other weights: a row does not have to
// sum to 1. A row of zeros adds 0 to the sum, but batch counts it. The targets are constants, so
// they get no gradient.
//
// Each row is shifted by its own maximum and summed in float64. So L is exact to rounding for all
// finite logits, and keeps its relative precision when the net is almost certain. L is never
// negative if no target is negative.
//
// A logit of −Inf makes its class impossible: the probability is 0, and L is +Inf unless the target
// is also 0. The loss and the gradients of a row are NaN if one of its logits is NaN or +Inf, if
// all its logits are −Inf, or if one of its targets is NaN.
//
// SoftmaxCrossEntropy returns an error if a node is nil, if the nodes belong to different graphs,
// if their shapes differ or are not (batch, classes), or if they are not both float32 or both
// float64. When the graph runs, a value that is a column-major tensor or a view with gaps is an
// error.
func SoftmaxCrossEntropy(logits, targets *gorgonia.Node) (*gorgonia.Node, error) {
	if err := check(logits, targets); err != nil {
		return nil, err
	}
	s := op.Spec{Name: "SoftmaxCrossEntropy", Constant: []int{1}}
	rows := logits.Shape()[0]
	y, err := op.ApplyEither(s, rows, newSoftmax[float32], newSoftmax[float64], logits, targets)
	return y, errors.WithMessage(err, "nn")
}

func check(logits, targets *gorgonia.Node) error {
	const name = "nn: SoftmaxCrossEntropy: "
	if logits == nil || targets == nil {
		return errors.New(name + "a node is nil: pass logits and targets")
	}
	if logits.Graph() != targets.Graph() {
		return errors.New(name + "logits and targets belong to different graphs: create both in " +
			"one graph")
	}
	shape := logits.Shape()
	if len(shape) != 2 || shape.TotalSize() == 0 || !shape.Eq(targets.Shape()) {
		return errors.Errorf(name+"logits of shape %v and targets of shape %v, "+
			"want the same shape (batch, classes) for both", shape, targets.Shape())
	}
	dt := logits.Dtype()
	if dt != targets.Dtype() || dt != tensor.Float32 && dt != tensor.Float64 {
		return errors.Errorf(name+"logits of %v and targets of %v, want both float32 or both "+
			"float64", dt, targets.Dtype())
	}
	return nil
}

// softmax is the module for a batch with a number of rows.
type softmax[T op.Float] struct{ rows int }

func newSoftmax[T op.Float](rows int) op.Module[T] { return softmax[T]{rows} }

func (m softmax[T]) Forward(out []T, in [][]T) { out[0] = T(meanLoss(in[0], in[1], m.rows)) }

func (m softmax[T]) Backward(grads, in [][]T, _, dout []T) {
	lossGradient(grads[0], in[0], in[1], m.rows, float64(dout[0]))
}

// largest returns the index of the largest logit of a row, and the sum of exp(x - largest) over the
// other logits x. The sum is NaN if a logit is NaN or the largest logit is infinite.
func largest[T op.Float](row []T) (at int, rest float64) {
	for i, x := range row {
		if x > row[at] {
			at = i
		}
	}
	top := float64(row[at])
	rest = top - top
	for i, x := range row {
		if i != at {
			rest += math.Exp(float64(x) - top)
		}
	}
	return at, rest
}

// meanLoss returns the mean loss of the rows. It computes the logarithm of the denominator of
// softmax as the largest logit plus log1p(rest), which is precise even if rest is tiny.
func meanLoss[T op.Float](logits, targets []T, rows int) float64 {
	sum, classes := 0.0, len(logits)/rows
	for r := range rows {
		row := logits[r*classes : (r+1)*classes]
		at, rest := largest(row)
		for i, y := range targets[r*classes : (r+1)*classes] {
			if y != 0 || math.IsNaN(rest) { // for an impossible class, 0 times Inf counts as 0
				loss := math.Log1p(rest) + (float64(row[at]) - float64(row[i]))
				sum += float64(float64(y) * loss)
			}
		}
	}
	return sum / float64(rows)
}

// lossGradient sets out to (Σ targets · softmax - targets)·scale/rows.
func lossGradient[T op.Float](out, logits, targets []T, rows int, scale float64) {
	classes := len(logits) / rows
	scale /= float64(rows)
	for r := range rows {
		row, y := logits[r*classes:(r+1)*classes], targets[r*classes:(r+1)*classes]
		at, rest := largest(row)
		others := 0.0 // sum of the targets of all logits but the largest
		for i, y := range y {
			if i != at {
				others += float64(y)
			}
		}
		total := others + float64(y[at])
		for i, x := range row {
			d := float64(total*(math.Exp(float64(x)-float64(row[at]))/(1+rest))) - float64(y[i])
			if i == at { // total·(1 - rest/(1+rest)) - y without cancellation
				d = others - float64(total*(rest/(1+rest)))
			}
			out[r*classes+i] = T(d * scale)
		}
	}
}
