package model

import (
	"fmt"
	"hash"
	"math"

	"github.com/chewxy/hm"
	"github.com/pkg/errors"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// CrossEntropy returns the softmax cross-entropy of logits (batch, classes) with target probabilities of the
// same shape, a constant, averaged over the batch.
//
// It is never negative and keeps its relative precision down to the smallest numbers: with x the largest logit
// of a row and r the sum of exp(logit - x) over the others, the logarithm of the softmax's denominator is
// x + log1p(r). Composed from Gorgonia's own operations the loss rounds to zero or a little below it once the
// net is certain.
func CrossEntropy(logits, target *G.Node) (*G.Node, error) {
	return G.ApplyOp(crossEntropy{}, logits, target)
}

// crossEntropy is the operation (logits, target) -> loss.
type crossEntropy struct{ op }

// crossEntropyDiff is its gradient, (logits, target, gradient of the loss) -> gradient of the logits. It
// belongs to one node and writes to the same memory at each run.
type crossEntropyDiff struct {
	op
	out *tensor.Dense
}

var (
	_ G.SDOp = crossEntropy{}
	_ G.Op   = (*crossEntropyDiff)(nil)
)

func (crossEntropy) Arity() int              { return 2 }
func (crossEntropy) String() string          { return "CrossEntropy" }
func (o crossEntropy) WriteHash(h hash.Hash) { fmt.Fprint(h, o) }
func (o crossEntropy) Hashcode() uint32      { return hashcode(o) }
func (crossEntropy) Type() hm.Type {
	a := hm.TypeVariable('a')
	m := G.TensorType{Dims: 2, Of: a}
	return hm.NewFnType(m, m, a)
}
func (crossEntropy) InferShape(...G.DimSizer) (tensor.Shape, error) { return tensor.ScalarShape(), nil }
func (crossEntropy) DiffWRT(int) []bool                             { return []bool{true, false} }
func (crossEntropy) SymDiff(inputs G.Nodes, _, grad *G.Node) (G.Nodes, error) {
	d, err := G.ApplyOp(new(crossEntropyDiff), inputs[0], inputs[1], grad)
	return G.Nodes{d, nil}, err
}

func (crossEntropy) Do(inputs ...G.Value) (G.Value, error) {
	logits, target, err := matrices(inputs)
	if err != nil {
		return nil, err
	}
	dt, rows := logits.Dtype(), logits.Shape()[0]
	if dt == tensor.Float32 {
		return newScalar(dt, meanLoss(logits.Float32s(), target.Float32s(), rows)), nil
	}
	return newScalar(dt, meanLoss(logits.Float64s(), target.Float64s(), rows)), nil
}

func (*crossEntropyDiff) Arity() int              { return 3 }
func (*crossEntropyDiff) String() string          { return "CrossEntropyDiff" }
func (o *crossEntropyDiff) WriteHash(h hash.Hash) { fmt.Fprintf(h, "%v %p", o, o) } // for the sake of out
func (o *crossEntropyDiff) Hashcode() uint32      { return hashcode(o) }
func (*crossEntropyDiff) Type() hm.Type {
	a := hm.TypeVariable('a')
	m := G.TensorType{Dims: 2, Of: a}
	return hm.NewFnType(m, m, a, m)
}
func (*crossEntropyDiff) InferShape(inputs ...G.DimSizer) (tensor.Shape, error) {
	return inputs[0].(tensor.Shape).Clone(), nil
}

func (o *crossEntropyDiff) Do(inputs ...G.Value) (G.Value, error) {
	logits, target, err := matrices(inputs[:2])
	if err != nil {
		return nil, err
	}
	grad, err := scalar(inputs[2])
	if err != nil {
		return nil, err
	}
	dt, rows := logits.Dtype(), logits.Shape()[0]
	reuse(&o.out, dt, logits.Shape()...)
	if dt == tensor.Float32 {
		lossGradient(o.out.Float32s(), logits.Float32s(), target.Float32s(), rows, grad)
	} else {
		lossGradient(o.out.Float64s(), logits.Float64s(), target.Float64s(), rows, grad)
	}
	return o.out, nil
}

func matrices(inputs []G.Value) (logits, target *tensor.Dense, err error) {
	in, err := rowMajor(crossEntropy{}, inputs...)
	if err != nil {
		return nil, nil, err
	}
	if !in[0].Shape().Eq(in[1].Shape()) {
		return nil, nil, errors.Errorf("cross-entropy of logits of shape %v with a target of shape %v", in[0].Shape(), in[1].Shape())
	}
	return in[0], in[1], nil
}

// largest returns the index of the largest logit of a row, and the sum of exp(x - largest) over the others.
func largest[T float32 | float64](row []T) (at int, rest float64) {
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

func meanLoss[T float32 | float64](logits, target []T, rows int) float64 {
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
func lossGradient[T float32 | float64](out, logits, target []T, rows int, scale float64) {
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
