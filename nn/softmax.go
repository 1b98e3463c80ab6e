// Package nn has what nets need and Gorgonia 0.9.18 gets wrong: a softmax cross-entropy that is right
// for every row, stable for any logits, and never rounds below zero. docs/gorgonia.md lists the faults.
package nn

import (
	"math"

	"github.com/pkg/errors"
	G "gorgonia.org/gorgonia"

	"github.com/l4-go/l4/internal/op"
)

// SoftmaxCrossEntropy returns the cross-entropy of targets y with the softmax of logits x, both of
// shape (batch, classes) and dtype float32 or float64, averaged over the batch:
//
//	loss = 1/batch · Σ_rows Σ_i y_i·(log Σ_j exp(x_j) − x_i)
//
// The targets are constants. They may be one-hot or soft; rows that do not sum to 1 count with their
// sum. It keeps its relative precision down to the smallest numbers: with x_k the largest logit of a
// row and r the sum of exp(x_j − x_k) over the others, the logarithm is x_k + log1p(r). NaN and Inf
// among the logits reach the loss.
//
// It returns an error if the shapes or dtypes do not fit. Each call makes a node of its own, which
// allocates nothing after its first run.
func SoftmaxCrossEntropy(logits, targets *G.Node) (*G.Node, error) {
	if logits.Dims() != 2 || !logits.Shape().Eq(targets.Shape()) {
		return nil, errors.Errorf("nn: softmax cross-entropy: logits of shape %v and targets of "+
			"shape %v, want equal matrices of (batch, classes)", logits.Shape(), targets.Shape())
	}
	s := op.Spec{Name: "SoftmaxCrossEntropy", Constant: []int{1}}
	rows := logits.Shape()[0]
	return op.ApplyEither(s, rows, newCrossEntropy[float32], newCrossEntropy[float64], logits, targets)
}

type crossEntropy[T op.Float] struct{ rows int }

func newCrossEntropy[T op.Float](rows int) op.Module[T] { return crossEntropy[T]{rows} }

func (m crossEntropy[T]) Forward(out []T, in [][]T) { out[0] = T(meanLoss(in[0], in[1], m.rows)) }

func (m crossEntropy[T]) Backward(grads, in [][]T, _, dout []T) {
	lossGradient(grads[0], in[0], in[1], m.rows, float64(dout[0]))
}

// largest returns the index of the largest logit of a row, and the sum of exp(x − largest) over the
// others.
func largest[T op.Float](row []T) (at int, rest float64) {
	for i, x := range row {
		if x > row[at] {
			at = i
		}
	}
	for i, x := range row {
		if i != at {
			rest += math.Exp(float64(x) - float64(row[at]))
		}
	}
	return at, rest
}

func meanLoss[T op.Float](logits, targets []T, rows int) float64 {
	sum, classes := 0.0, len(logits)/rows
	for r := range rows {
		row := logits[r*classes : (r+1)*classes]
		at, rest := largest(row)
		for i, y := range targets[r*classes : (r+1)*classes] {
			if y != 0 {
				sum += float64(y) * (math.Log1p(rest) + (float64(row[at]) - float64(row[i])))
			}
		}
	}
	return sum / float64(rows)
}

// lossGradient sets out to (softmax·Σy − y)·scale/rows.
func lossGradient[T op.Float](out, logits, targets []T, rows int, scale float64) {
	classes := len(logits) / rows
	scale /= float64(rows)
	for r := range rows {
		row, ys := logits[r*classes:(r+1)*classes], targets[r*classes:(r+1)*classes]
		at, rest := largest(row)
		total := 0.0
		for _, y := range ys {
			total += float64(y)
		}
		for i, x := range row {
			y := float64(ys[i])
			d := total*(math.Exp(float64(x)-float64(row[at]))/(1+rest)) - y
			if i == at { // total·p − y without cancellation
				d = (total - y) - total*(rest/(1+rest))
			}
			out[r*classes+i] = T(d * scale)
		}
	}
}
