package dist

import (
	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/flat"
)

// parameter is a weight of this rank with the mean of the gradients of all.
type parameter struct {
	gorgonia.ValueGrad
	batches *Batches
	grad    gorgonia.Value
}

// Grad returns what went wrong in Model, so that Step does.
func (p *parameter) Grad() (gorgonia.Value, error) {
	if err := p.batches.world.usable(); err != nil {
		return nil, err
	}
	return p.grad, p.batches.err
}

// Loss and Unwrap tell the solver which loss the gradient is of, and which node it is a mean for.
func (p *parameter) Loss() gorgonia.Valuer      { return p.batches }
func (p *parameter) Unwrap() gorgonia.ValueGrad { return p.ValueGrad }

func (p *parameter) Name() string {
	if n, ok := p.ValueGrad.(gorgonia.Namer); ok {
		return n.Name()
	}
	return ""
}

// unknown stands for all parameters until Add brings them, so that Step asks for a gradient and
// returns the error of Model.
type unknown struct{}

func (unknown) Name() string                  { return "the model" }
func (unknown) Value() gorgonia.Value         { return gorgonia.NewF64(0) }
func (unknown) Grad() (gorgonia.Value, error) { return gorgonia.NewF64(0), nil }

// describe sets up the sums for a model.
func (b *Batches) describe(model []gorgonia.ValueGrad) error {
	if err := b.weights.bind(model); err != nil {
		return err
	}
	b.print = b.weights.fingerprint()
	b.world.mu.Lock() // the engine takes one call at a time
	defer b.world.mu.Unlock()
	n32, n64 := 0, 0
	for i := range model {
		if t := b.grads.Tensor(i); t.Dtype == flat.Float32 {
			n32 += t.Size()
		} else {
			n64 += t.Size()
		}
	}
	var err error
	if b.all32, err = alloc[float32](b.world, b.world.padded(n32)); err != nil {
		return errors.WithMessage(err, "dist")
	}
	if b.all64, err = alloc[float64](b.world, b.world.padded(n64)); err != nil {
		return errors.WithMessage(err, "dist")
	}
	b.model = nil
	rest32, rest64 := b.all32, b.all64
	for i := range model {
		p := &parameter{batches: b}
		var x []float32
		var y []float64
		t := b.grads.Tensor(i)
		if n := t.Size(); t.Dtype == flat.Float32 {
			x, rest32 = rest32[:n:n], rest32[n:]
			p.grad = valueOf(t.Shape, x, (*gorgonia.F32)(&x[0]))
		} else {
			y, rest64 = rest64[:n:n], rest64[n:]
			p.grad = valueOf(t.Shape, y, (*gorgonia.F64)(&y[0]))
		}
		b.sums.F32, b.sums.F64 = append(b.sums.F32, x), append(b.sums.F64, y)
		b.parameters, b.model = append(b.parameters, p), append(b.model, p)
	}
	return nil
}

// valueOf returns elements as a value of a shape.
func valueOf(shape []int, elements any, scalar gorgonia.Value) gorgonia.Value {
	if len(shape) == 0 {
		return scalar
	}
	return tensor.New(tensor.WithShape(shape...), tensor.WithBacking(elements))
}
