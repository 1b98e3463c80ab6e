package l4

import (
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/flat"
	"github.com/l4-go/l4/internal/kernel"
)

// Batches makes one step of several batches, as if they were one large batch: micro-batches that run one
// after the other, replicas of a graph that run side by side, or both. It is the Valuer of their mean loss,
// and has a model with their mean gradients:
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
// Each batch counts alike, so they must be of one size if the loss is a mean over the batch. The zero Batches
// is ready for use. It may not be used from two goroutines at once.
type Batches struct {
	reader lossReader
	sum    float64 // of the losses
	n      int     // batches in it
	taken  bool    // Model has been called since
	narrow bool    // a loss is float32
	mean32 gorgonia.F32
	mean64 gorgonia.F64

	batch  flat.Model // that was added last
	sums32 sums[float32]
	sums64 sums[float64]
	add    flat.Pass
	means  []*meanGrad
	model  []gorgonia.ValueGrad // the means, as Step takes them
}

var _ gorgonia.Valuer = (*Batches)(nil)

// Add takes the loss and the gradients of a batch that has just been run, and zeroes the gradients. After a
// call of Model it begins a new step.
//
// All models must have the same parameters in the same order. Replicas that run at the same time may share
// the memory of their weights, but not the tensors, which a machine transposes in place while it runs: give
// each replica tensor.New(tensor.WithShape(w.Shape()...), tensor.WithBacking(w.Data())). Where they share no
// memory, copy the weights of the first to the others after each step.
//
// Add refuses what Step refuses, and an error leaves everything as it was. But non-finite numbers are not an
// error here; Step handles them.
func (b *Batches) Add(loss gorgonia.Valuer, model []gorgonia.ValueGrad) error {
	b.reader.loss = loss
	x, rounding, err := b.reader.read()
	if err != nil {
		return err
	}
	if err := b.batch.Bind(model); err != nil {
		return err
	}
	if b.taken || b.n == 0 {
		b.sum, b.n, b.taken, b.narrow = 0, 0, false, false
		b.begin(model)
	}
	b.sum += x
	b.n++
	b.narrow = b.narrow || rounding == rounding32
	b.batch.Sum(b.add)
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

// Model returns the parameters for Step: the weights of the first batch's model with the mean of the
// gradients added. It is empty if there are none.
func (b *Batches) Model() []gorgonia.ValueGrad {
	if !b.taken && b.n > 1 {
		b.sums32.divide(b.n)
		b.sums64.divide(b.n)
	}
	b.taken = true
	return b.model
}

// begin clears the sums for a model's gradients.
func (b *Batches) begin(model []gorgonia.ValueGrad) {
	if b.means == nil {
		b.add = flat.Pass{F32: b.sums32.add, F64: b.sums64.add}
		b.sums32.of, b.sums64.of = make([][]float32, len(model)), make([][]float64, len(model))
		for i := range model {
			b.means = append(b.means, &meanGrad{grad: b.newSum(i)})
			b.model = append(b.model, b.means[i])
		}
	}
	for i, v := range model {
		b.means[i].ValueGrad = v
	}
	b.sums32.clear()
	b.sums64.clear()
}

// newSum makes room for the sum of gradients of a tensor.
func (b *Batches) newSum(i int) gorgonia.Value {
	shape, n := b.batch.Shape(i), b.batch.Size(i)
	if b.batch.Dtype(i) == tensor.Float32 {
		b.sums32.of[i] = make([]float32, n)
		return valueOf(b.sums32.of[i], shape)
	}
	b.sums64.of[i] = make([]float64, n)
	return valueOf(b.sums64.of[i], shape)
}

// valueOf returns a value in the memory of its elements.
func valueOf[T kernel.Float](xs []T, shape []int) gorgonia.Value {
	if len(shape) > 0 {
		return tensor.New(tensor.WithShape(shape...), tensor.WithBacking(xs))
	}
	if x, ok := any(&xs[0]).(*float32); ok {
		return (*gorgonia.F32)(x)
	}
	return (*gorgonia.F64)(any(&xs[0]).(*float64))
}

// sums are the sums of the gradients of one element type, by tensor.
type sums[T kernel.Float] struct{ of [][]T }

func (s *sums[T]) add(p flat.Part[T]) (_, _ float64) {
	sum := s.of[p.Tensor][p.Lo : p.Lo+len(p.G)]
	for i, g := range p.G {
		sum[i] += g
	}
	return 0, 0
}

func (s *sums[T]) clear() {
	for _, sum := range s.of {
		clear(sum)
	}
}

func (s *sums[T]) divide(n int) {
	for _, sum := range s.of {
		for i := range sum {
			sum[i] /= T(n)
		}
	}
}

// meanGrad is a parameter of the first batch with the mean gradient of all.
type meanGrad struct {
	gorgonia.ValueGrad
	grad gorgonia.Value
}

func (m *meanGrad) Grad() (gorgonia.Value, error) { return m.grad, nil }

func (m *meanGrad) Name() string {
	if n, ok := m.ValueGrad.(gorgonia.Namer); ok {
		return n.Name()
	}
	return ""
}
