package l4

import (
	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"

	"github.com/l4-go/l4/internal/batch"
	"github.com/l4-go/l4/internal/bind"
	"github.com/l4-go/l4/internal/kernel"
)

// Batches makes one step from several batches, as if they were one large batch. The batches can be
// micro-batches that run one after the other, replicas of a graph that run at the same time, or
// both. Batches is a Valuer of the mean loss, and Model returns the mean gradients.
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
// All batches have equal weight. If the loss is a mean over a batch, they must have the same size.
// The zero value is ready to use. A Batches must not be used by two goroutines at once.
type Batches struct {
	sum    batch.Sum
	taken  bool // Model has been called since the last Add
	mean32 gorgonia.F32
	mean64 gorgonia.F64
	model  []gorgonia.ValueGrad // what Model returns
}

var _ gorgonia.Valuer = (*Batches)(nil)

// Add adds the loss and the gradients of a batch that has just been run, and zeroes the gradients.
// The first Add after Model starts a new step. If loss is nil, Add finds it; see NewL4Adam.
//
// All models must have the same parameters in the same order. Replicas that run at the same time
// can share the memory of their weights, but each needs its own tensors, because a virtual machine
// transposes tensors in place: give each replica tensor.New(tensor.WithShape(w.Shape()...),
// tensor.WithBacking(w.Data())). If replicas do not share memory, copy the weights of the first
// replica to the others after each step.
//
// Add returns the same errors as Step, but accepts values that are not finite. The next Step
// handles them. An error leaves everything as it was.
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

// Value returns the mean of the added losses, a scalar, or nil before the first Add.
func (b *Batches) Value() gorgonia.Value {
	if b.sum.N == 0 {
		return nil
	}
	mean := b.sum.Loss / float64(b.sum.N)
	if b.sum.Narrow { // Step then allows the rounding error of a float32
		b.mean32 = gorgonia.F32(mean)
		return &b.mean32
	}
	b.mean64 = gorgonia.F64(mean)
	return &b.mean64
}

// Model returns the parameters for Step: the weights of the first batch, with the mean of all added
// gradients. It returns nil before the first Add.
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

// CheckModel returns an error unless the parameters in model come from a call of b.Model after the
// last Add. Step calls it to detect two mistakes. One is to pass Step a model that was passed to
// Add: its gradients are zero. The other is to pass Step the result of an earlier call of Model
// although Add has been called since: its gradients are sums instead of means.
func (b *Batches) CheckModel(model []gorgonia.ValueGrad) error {
	if b.sum.N == 0 {
		return errors.New("l4: the loss is a Batches without a batch: call Add before Step")
	}
	for i, v := range model {
		if p, ok := v.(*batch.Param); !ok || p.Of != b {
			return errors.Errorf("l4: the loss is a Batches, but %s is not a parameter of its "+
				"Model, so the gradient is zero: call Step(batches.Model())", bind.NameOf(i, v))
		}
	}
	if !b.taken {
		return errors.New("l4: Model has not been called since the last Add, so the gradients " +
			"are not means: call Step(batches.Model()) in each step")
	}
	return nil
}
