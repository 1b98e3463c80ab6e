package nn

import (
	"math"

	"github.com/pkg/errors"
	G "gorgonia.org/gorgonia"
)

// CrossEntropy returns the softmax cross-entropy of logits (batch, classes) with target
// probabilities of the same shape, a constant, averaged over the batch.
//
// It is never negative and keeps its relative precision down to the smallest numbers: with x the
// largest logit of a row and r the sum of exp(logit - x) over the others, the logarithm of the
// softmax's denominator is x + log1p(r). Composed from Gorgonia's own operations the loss rounds to
// zero or a little below it once the net is certain.
func CrossEntropy(logits, target *G.Node) (*G.Node, error) {
	if logits.Dims() != 2 || !logits.Shape().Eq(target.Shape()) {
		return nil, errors.Errorf("nn: cross-entropy: logits of shape %v and a target of shape "+
			"%v, want equal matrices", logits.Shape(), target.Shape())
	}
	s := Spec{Name: "CrossEntropy", Constant: []int{1}}
	rows := logits.Shape()[0]
	return apply(s, rows, newCrossEntropy[float32], newCrossEntropy[float64], logits, target)
}

type crossEntropy[T Float] struct{ rows int }

func newCrossEntropy[T Float](rows int) Module[T] { return crossEntropy[T]{rows} }

func (m crossEntropy[T]) Forward(out []T, in [][]T) { out[0] = T(meanLoss(in[0], in[1], m.rows)) }

func (m crossEntropy[T]) Backward(grads, in [][]T, _, dout []T) {
	lossGradient(grads[0], in[0], in[1], m.rows, float64(dout[0]))
}

// largest returns the index of the largest logit of a row, and the sum of exp(x - largest) over the
// others.
func largest[T Float](row []T) (at int, rest float64) {
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

func meanLoss[T Float](logits, target []T, rows int) float64 {
	sum, classes := 0.0, len(logits)/rows
	for r := range rows {
		row := logits[r*classes : (r+1)*classes]
		at, rest := largest(row)
		for i, y := range target[r*classes : (r+1)*classes] {
			if y != 0 {
				sum += float64(y) * (math.Log1p(rest) + (float64(row[at]) - float64(row[i])))
			}
		}
	}
	return sum / float64(rows)
}

// lossGradient sets out to (softmax - target)·scale/rows, for targets that sum to 1 in each row.
func lossGradient[T Float](out, logits, target []T, rows int, scale float64) {
	classes := len(logits) / rows
	scale /= float64(rows)
	for r := range rows {
		row := logits[r*classes : (r+1)*classes]
		at, rest := largest(row)
		for i, x := range row {
			y := float64(target[r*classes+i])
			p := math.Exp(float64(x)-float64(row[at])) / (1 + rest)
			d := p - y
			if i == at { // 1-p without cancellation
				d = (1 - y) - rest/(1+rest)
			}
			out[r*classes+i] = T(d * scale)
		}
	}
}
