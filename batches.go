package l4

import (
	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"

	"github.com/l4-go/l4/internal/batch"
	"github.com/l4-go/l4/internal/bind"
	"github.com/l4-go/l4/internal/kernel"
)

// Batches makes one step of several batches, as if they were one large batch: micro-batches that
// run one after the other, replicas of a graph that run side by side, or both. It is the Valuer of
// their mean loss, and has a model with their mean gradients:
//
//	batches := new(l4.Batches)
//	solver := l4.NewL4Adam(batches)
//	for ... {
//		for ... { // micro-batches
//			machine.RunAll()
//			batches.Add(loss, gorgonia.NodesToValueGrads(weights))
//			machine.Reset()
//		}
//		solver.Step(batches.Model())
//	}
//
// Each batch counts alike, so they must be of one size if the loss is a mean over the batch. The
// zero Batches is ready for use. It may not be used from two goroutines at once.
type Batches struct {
	sum    batch.Sum
	taken  bool // Model has been called since the last Add
	mean32 gorgonia.F32
	mean64 gorgonia.F64
	model  []gorgonia.ValueGrad // the parameters with the means, as Step takes them
}

var _ gorgonia.Valuer = (*Batches)(nil)

// Add takes the loss and the gradients of a batch that has just been run, and zeroes the gradients.
// After a call of Model it begins a new step. A nil loss is the one that the gradients are of, as
// for NewL4Adam.
//
// All models must have the same parameters in the same order. Replicas that run at the same time
// may share the memory of their weights, but not the tensors, which a machine transposes in place
// while it runs: give each replica tensor.New(tensor.WithShape(w.Shape()...),
// tensor.WithBacking(w.Data())). Where they share no memory, copy the weights of the first to the
// others after each step.
//
// Add refuses what Step refuses, and an error leaves everything as it was. But non-finite numbers
// are not an error here; Step handles them.
func (b *Batches) Add(loss gorgonia.Valuer, model []gorgonia.ValueGrad) error {
	if err := b.sum.Add(loss, model, b.taken); err != nil {
		return err
	}
	b.taken = false
	if b.model == nil {
		for _, p := range b.sum.Params() {
			p.Of = b
			b.model = append(b.model, p)
		}
	}
	return nil
}

// Value returns the mean of the losses added, a scalar; nil if there are none.
func (b *Batches) Value() gorgonia.Value {
	if b.sum.N == 0 {
		return nil
	}
	mean := b.sum.Loss / float64(b.sum.N)
	if b.sum.Narrow { // so that Step knows how it may be rounded
		b.mean32 = gorgonia.F32(mean)
		return &b.mean32
	}
	b.mean64 = gorgonia.F64(mean)
	return &b.mean64
}

// Model returns the parameters for Step: the weights of the first batch's model with the mean of
// the gradients added. It is empty if there are none.
func (b *Batches) Model() []gorgonia.ValueGrad {
	if !b.taken && b.sum.N > 1 {
		for _, x := range b.sum.Grads.F32 {
			kernel.Divide(x, b.sum.N)
		}
		for _, x := range b.sum.Grads.F64 {
			kernel.Divide(x, b.sum.N)
		}
	}
	b.taken = true
	return b.model
}

// CheckModel returns an error if a parameter is not one of Model. Step calls it, because the
// gradients of the batches' own models are zero.
func (b *Batches) CheckModel(model []gorgonia.ValueGrad) error {
	for i, v := range model {
		if p, ok := v.(*batch.Param); !ok || p.Of != b {
			return errors.Errorf("l4: %s is not of the Model of the Batches that is the loss, and "+
				"its gradient is zero; call Step(batches.Model())", bind.NameOf(i, v))
		}
	}
	return nil
}
