package l4

import (
	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/kernel"
)

// Batches makes one step of several batches, as if they were one large batch: micro-batches that run one after the
// other, replicas of a graph that run side by side, or both. It is the Valuer of their mean loss, and has a model with
// their mean gradients:
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
// Each batch counts alike, so they must be of one size if the loss is a mean over the batch. The zero Batches is
// ready for use. It may not be used from two goroutines at once.
type Batches struct {
	reader lossReader
	sum    float64 // of the losses
	n      int     // batches in it
	taken  bool    // Model has been called since
	narrow bool    // a loss is float32
	mean32 gorgonia.F32
	mean64 gorgonia.F64

	params []batchParam
	model  []gorgonia.ValueGrad // the same, as Step takes them
}

var _ gorgonia.Valuer = (*Batches)(nil)

// Add takes the loss and the gradients of a batch that has just been run, and zeroes the gradients. After a call of
// Model it begins a new step.
//
// All models must have the same parameters in the same order. Replicas that run at the same time may share the memory
// of their weights, but not the tensors, which a machine transposes in place while it runs: give each replica
// tensor.New(tensor.WithShape(w.Shape()...), tensor.WithBacking(w.Data())). Where they share no memory it is up to
// the caller to copy the weights of the first to the others after each step.
//
// An error leaves everything as it was. Numbers that are not finite are none: they are for Step to deal with.
func (b *Batches) Add(loss gorgonia.Valuer, model []gorgonia.ValueGrad) error {
	b.reader.loss = loss
	x, rounding, err := b.reader.read()
	if err != nil {
		return err
	}
	params, begin := b.params, b.taken || b.n == 0
	if params == nil {
		if params, err = newBatchParams(model); err != nil {
			return err
		}
	}
	if len(model) != len(params) {
		return errors.WithMessagef(ErrModelChanged, "%d parameters, %d in the first batch", len(model), len(params))
	}
	for i, v := range model {
		if isNil(v) {
			return errors.Errorf("l4: parameter #%d is nil", i)
		}
		if err := params[i].take(v); err != nil {
			return errors.WithMessagef(err, "l4: %s", parameterName(i, v))
		}
	}

	b.params = params
	if begin {
		b.sum, b.n, b.taken, b.narrow = 0, 0, false, false
		b.model = b.model[:0]
		for i, p := range b.params {
			p.begin(model[i])
			b.model = append(b.model, p)
		}
	}
	b.sum += x
	b.n++
	b.narrow = b.narrow || rounding == rounding32
	for _, p := range b.params {
		p.add()
	}
	for _, p := range b.params { // after all have been added, for two may share one gradient
		p.zeroGrad()
	}
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

// Model returns the parameters for Step: the weights of the first batch's model with the mean of the gradients added.
// It is empty if there are none.
func (b *Batches) Model() []gorgonia.ValueGrad {
	if !b.taken && b.n > 1 {
		for _, p := range b.params {
			p.divide(b.n)
		}
	}
	b.taken = true
	return b.model
}

// batchParam is a parameter with its mean gradient.
type batchParam interface {
	gorgonia.ValueGrad
	take(v gorgonia.ValueGrad) error // another gradient
	begin(v gorgonia.ValueGrad)
	add()
	zeroGrad()
	divide(n int)
}

func newBatchParams(model []gorgonia.ValueGrad) ([]batchParam, error) {
	params := make([]batchParam, len(model))
	for i, v := range model {
		w, err := weightOf(i, v)
		if err != nil {
			return nil, err
		}
		switch w.Dtype() {
		case tensor.Float32:
			params[i] = newBatchParam[float32](w.Shape())
		case tensor.Float64:
			params[i] = newBatchParam[float64](w.Shape())
		}
	}
	return params, nil
}

// batchParamOf is a batchParam with elements of type T.
type batchParamOf[T kernel.Float] struct {
	from  typed[T]           // the batch's
	first gorgonia.ValueGrad // the first batch's
	grad  gorgonia.Value     // the mean of the gradients
	sum   []T                // its elements
}

func newBatchParam[T kernel.Float](shape tensor.Shape) *batchParamOf[T] {
	p := new(batchParamOf[T])
	p.from.reshape(shape)
	p.sum = make([]T, p.from.len())
	if len(shape) > 0 {
		p.grad = tensor.New(tensor.WithShape(p.from.dims...), tensor.WithBacking(p.sum))
		return p
	}
	switch x := any(&p.sum[0]).(type) {
	case *float32:
		p.grad = (*gorgonia.F32)(x)
	case *float64:
		p.grad = (*gorgonia.F64)(x)
	}
	return p
}

func (p *batchParamOf[T]) Value() gorgonia.Value         { return p.first.Value() }
func (p *batchParamOf[T]) Grad() (gorgonia.Value, error) { return p.grad, nil }
func (p *batchParamOf[T]) Name() string {
	if n, ok := p.first.(gorgonia.Namer); ok {
		return n.Name()
	}
	return ""
}

func (p *batchParamOf[T]) take(v gorgonia.ValueGrad) error {
	_, err := p.from.bind(v)
	return err
}

func (p *batchParamOf[T]) begin(v gorgonia.ValueGrad) {
	p.first = v
	clear(p.sum)
}

func (p *batchParamOf[T]) add() {
	p.from.gather()
	for i, g := range p.from.g {
		p.sum[i] += g
	}
}

func (p *batchParamOf[T]) zeroGrad() { p.from.zeroGrad() }

func (p *batchParamOf[T]) divide(n int) {
	for i := range p.sum {
		p.sum[i] /= T(n)
	}
}
