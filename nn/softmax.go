// Package nn has what nets need and Gorgonia 0.9.18 gets wrong: a softmax cross-entropy that is
// right for every row, stable for any logits, and never rounds below zero, and a dropout with the
// right gradient. docs/gorgonia.md lists the faults.
//
// Nodes work with the tape machine and with the Lisp machine. A node owns the memory of its value
// and of its gradient, so nothing is allocated after the first run.
package nn

import (
	"math"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/op"
)

// SoftmaxCrossEntropy returns the softmax cross-entropy of logits x with targets y, both of shape
// (batch, classes), averaged over the batch: the scalar
//
//	L = 1/batch · Σ_r Σ_i y[r,i] · (log Σ_j exp(x[r,j]) − x[r,i])
//
// Both are float32 or both float64, and have one graph. Targets are one-hot, or probabilities, or
// any other weights: a row need not sum to 1, and a row of zeros adds nothing, though batch counts
// it. They are constants: no gradient flows into them. That of the logits is
//
//	∂L/∂x[r,i] = (y[r,1] + … + y[r,classes]) · softmax(x[r])[i] / batch − y[r,i] / batch
//
// Each row is shifted by its own maximum and summed in float64, so that L is exact to rounding
// for all finite logits, is never negative if no target is, and keeps its relative precision when
// the net is as good as certain. A logit of −Inf is a class that cannot be: its probability is 0,
// and L is +Inf unless its target is 0, too. NaN, +Inf or nothing but −Inf among the logits of a
// row, and NaN among the targets, make the loss and gradients of that row NaN.
//
// A nil node, other shapes or dtypes, or nodes of two graphs are an error. When the graph runs, a
// value that is a column-major tensor or a view with gaps is one, too.
func SoftmaxCrossEntropy(logits, targets *gorgonia.Node) (*gorgonia.Node, error) {
	if err := check(logits, targets); err != nil {
		return nil, err
	}
	s := op.Spec{Name: "SoftmaxCrossEntropy", Constant: []int{1}}
	rows := logits.Shape()[0]
	return op.ApplyEither(s, rows, newSoftmax[float32], newSoftmax[float64], logits, targets)
}

func check(logits, targets *gorgonia.Node) error {
	const name = "nn: SoftmaxCrossEntropy: "
	if logits == nil || targets == nil {
		return errors.New(name + "a node is nil: pass logits and targets")
	}
	if logits.Graph() != targets.Graph() {
		return errors.New(name + "logits and targets belong to different graphs: create both in one")
	}
	shape := logits.Shape()
	if len(shape) != 2 || shape.TotalSize() == 0 || !shape.Eq(targets.Shape()) {
		return errors.Errorf(name+"logits of shape %v and targets of shape %v, "+
			"want (batch, classes) for both", shape, targets.Shape())
	}
	dt := logits.Dtype()
	if dt != targets.Dtype() || dt != tensor.Float32 && dt != tensor.Float64 {
		return errors.Errorf(name+"logits of %v and targets of %v, want float32 or float64 "+
			"for both", dt, targets.Dtype())
	}
	return nil
}

// softmax is the module of a batch of so many rows.
type softmax[T op.Float] struct{ rows int }

func newSoftmax[T op.Float](rows int) op.Module[T] { return softmax[T]{rows} }

func (m softmax[T]) Forward(out []T, in [][]T) { out[0] = T(meanLoss(in[0], in[1], m.rows)) }

func (m softmax[T]) Backward(grads, in [][]T, _, dout []T) {
	lossGradient(grads[0], in[0], in[1], m.rows, float64(dout[0]))
}

// largest returns the index of the largest logit of a row, and the sum of exp(x - largest) over the
// others: NaN if a logit is NaN or the largest is infinite.
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

// meanLoss takes the logarithm of the softmax's denominator as top + log1p(rest), which is precise
// also where rest is tiny.
func meanLoss[T op.Float](logits, targets []T, rows int) float64 {
	sum, classes := 0.0, len(logits)/rows
	for r := range rows {
		row := logits[r*classes : (r+1)*classes]
		at, rest := largest(row)
		for i, y := range targets[r*classes : (r+1)*classes] {
			if y != 0 || math.IsNaN(rest) { // 0 times the Inf of a class that cannot be is 0
				sum += float64(float64(y) * (math.Log1p(rest) + (float64(row[at]) - float64(row[i]))))
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
		others := 0.0 // targets but that of the largest logit
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
