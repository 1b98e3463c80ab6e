package l4

import (
	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/bind"
	"github.com/l4-go/l4/internal/flat"
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
	reader lossReader
	sum    float64 // of the losses
	n      int     // batches in it
	taken  bool    // Model has been called since
	narrow bool    // a loss is float32
	mean32 gorgonia.F32
	mean64 gorgonia.F64

	batch bind.Model   // that was added last
	sums  flat.Vectors // of the gradients
	set   flat.Pass    // sums to the gradients
	add   flat.Pass
	means []*meanGrad
	model []gorgonia.ValueGrad // the means, as Step takes them
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
	b.reader.loss = loss
	x, rounding, err := b.reader.read(model)
	if err != nil {
		return err
	}
	if err := b.batch.Bind(model); err != nil {
		return err
	}
	if b.taken || b.n == 0 {
		b.sum, b.n, b.taken, b.narrow = 0, 0, false, false
		b.begin(model)
		b.batch.Sum(b.set)
	} else {
		b.batch.Sum(b.add)
	}
	b.sum += x
	b.n++
	b.narrow = b.narrow || rounding == rounding32
	b.batch.ZeroGrads()
	b.batch.Keep()
	return nil
}

// Value returns the mean of the losses added, a scalar; nil if there are none.
func (b *Batches) Value() gorgonia.Value {
	if b.n == 0 {
		return nil
	}
	mean := b.sum / float64(b.n)
	if b.narrow { // so that Step knows how it may be rounded
		b.mean32 = gorgonia.F32(mean)
		return &b.mean32
	}
	b.mean64 = gorgonia.F64(mean)
	return &b.mean64
}

// Model returns the parameters for Step: the weights of the first batch's model with the mean of
// the gradients added. It is empty if there are none.
func (b *Batches) Model() []gorgonia.ValueGrad {
	if !b.taken && b.n > 1 {
		for _, sum := range b.sums.F32 {
			kernel.Divide(sum, b.n)
		}
		for _, sum := range b.sums.F64 {
			kernel.Divide(sum, b.n)
		}
	}
	b.taken = true
	return b.model
}

// CheckModel returns an error if a parameter is not one of Model. Step calls it, because the
// gradients of the batches' own models are zero.
func (b *Batches) CheckModel(model []gorgonia.ValueGrad) error {
	for i, v := range model {
		if mean, ok := v.(*meanGrad); !ok || mean.batches != b {
			return errors.Errorf("l4: %s is not of the Model of the Batches that is the loss, and "+
				"its gradient is zero; call Step(batches.Model())", bind.NameOf(i, v))
		}
	}
	return nil
}

// begin makes the sums for a model's gradients, and takes its weights for a step.
func (b *Batches) begin(model []gorgonia.ValueGrad) {
	if b.means == nil {
		b.sums.Renew(&b.batch.Model)
		b.set, b.add = b.sums.Set(), b.sums.Add()
		for i := range model {
			m := &meanGrad{batches: b, grad: b.sumOf(i)}
			b.means, b.model = append(b.means, m), append(b.model, m)
		}
	}
	for i, v := range model {
		b.means[i].ValueGrad = v
	}
}

// sumOf returns the sum of the gradients of a tensor as a value.
func (b *Batches) sumOf(i int) gorgonia.Value {
	t := b.batch.Tensor(i)
	if t.Dtype == flat.Float32 {
		x := b.sums.F32[i]
		return valueOf(t.Shape, x, (*gorgonia.F32)(&x[0]))
	}
	x := b.sums.F64[i]
	return valueOf(t.Shape, x, (*gorgonia.F64)(&x[0]))
}

// valueOf returns elements as a value of a shape.
func valueOf(shape []int, elements any, scalar gorgonia.Value) gorgonia.Value {
	if len(shape) == 0 {
		return scalar
	}
	return tensor.New(tensor.WithShape(shape...), tensor.WithBacking(elements))
}

// meanGrad is a parameter of the first batch with the mean gradient of all.
type meanGrad struct {
	gorgonia.ValueGrad
	batches *Batches
	grad    gorgonia.Value
}

var _ meanParam = (*meanGrad)(nil)

func (m *meanGrad) Loss() gorgonia.Valuer         { return m.batches }
func (m *meanGrad) Unwrap() gorgonia.ValueGrad    { return m.ValueGrad }
func (m *meanGrad) Grad() (gorgonia.Value, error) { return m.grad, nil }

func (m *meanGrad) Name() string {
	if n, ok := m.ValueGrad.(gorgonia.Namer); ok {
		return n.Name()
	}
	return ""
}
