// Package batch adds up the losses and the gradients of several batches, for one step on their
// means.
package batch

import (
	"gorgonia.org/gorgonia"
	gt "gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/bind"
	"github.com/l4-go/l4/internal/flat"
	"github.com/l4-go/l4/internal/objective"
)

// Sum is the sum of the losses and of the gradients of batches. All batches have the same
// parameters.
type Sum struct {
	// Alloc returns memory for so many float32 and float64 gradients, end to end. It is called by
	// the first Add, and may be nil.
	Alloc func(n32, n64 int) ([]float32, []float64, error)

	Loss   float64
	N      int          // number of batches
	Narrow bool         // a loss is a float32
	Grads  flat.Vectors // sums of the gradients

	reader   objective.Reader
	model    bind.Model // of the batch that was added last
	set, add flat.Pass
	params   []*Param
}

// Param is a parameter of the first batch of a Sum, whose gradient is in the Sum.
type Param struct {
	gorgonia.ValueGrad
	Gradient gorgonia.Value
	Of       gorgonia.Valuer // the loss that the gradient is of
}

// Grad returns the gradient.
func (p *Param) Grad() (gorgonia.Value, error) { return p.Gradient, nil }

// Name returns the name of the parameter, "" for none.
func (p *Param) Name() string {
	if n, ok := p.ValueGrad.(gorgonia.Namer); ok {
		return n.Name()
	}
	return ""
}

// Loss and Unwrap let a solver find the loss and the graph behind the parameter.
func (p *Param) Loss() gorgonia.Valuer      { return p.Of }
func (p *Param) Unwrap() gorgonia.ValueGrad { return p.ValueGrad }

var _ objective.Mean = (*Param)(nil)

// Clear begins a new sum, of no batches. The gradients stay until the next Add.
func (s *Sum) Clear() { s.Loss, s.N, s.Narrow = 0, 0, false }

// Add adds the loss and the gradients of a batch, and zeroes the latter. If fresh is true, it
// begins a new sum. An error leaves everything as it was.
func (s *Sum) Add(loss gorgonia.Valuer, model []gorgonia.ValueGrad, fresh bool) error {
	s.reader.Loss = loss
	x, narrow, err := s.reader.Read(model)
	if err != nil {
		return err
	}
	if err := s.model.Bind(model); err != nil {
		return err
	}
	if s.params == nil {
		if err := s.alloc(); err != nil {
			return err
		}
	}
	pass := s.add
	if fresh || s.N == 0 {
		s.Clear()
		for i, v := range model {
			s.params[i].ValueGrad = v
		}
		pass = s.set
	}
	s.model.Sum(pass)
	s.model.ZeroGrads()
	s.model.Keep()
	s.Loss += x
	s.N++
	s.Narrow = s.Narrow || narrow
	return nil
}

// Params returns the parameters of the first batch, nil before the first Add. They are the same in
// each sum.
func (s *Sum) Params() []*Param { return s.params }

// Tensors describes the parameters.
func (s *Sum) Tensors() *flat.Model { return &s.model.Model }

// alloc makes the sums.
func (s *Sum) alloc() error {
	m := &s.model.Model
	if s.Alloc == nil {
		s.Grads.Renew(m)
	} else {
		x, y, err := s.Alloc(m.Sizes())
		if err != nil {
			return err
		}
		s.Grads.Use(m, x, y)
	}
	s.set, s.add = s.Grads.Set(), s.Grads.Add()
	for i := range m.Len() {
		s.params = append(s.params, &Param{Gradient: s.gradient(i)})
	}
	return nil
}

// gradient returns the sum of the gradients of a tensor as a value.
func (s *Sum) gradient(i int) gorgonia.Value {
	t := s.model.Tensor(i)
	if t.Dtype == flat.Float32 {
		x := s.Grads.F32[i]
		return valueOf(t.Shape, x, (*gorgonia.F32)(&x[0]))
	}
	x := s.Grads.F64[i]
	return valueOf(t.Shape, x, (*gorgonia.F64)(&x[0]))
}

// valueOf returns elements as a value of a shape.
func valueOf(shape []int, elements any, scalar gorgonia.Value) gorgonia.Value {
	if len(shape) == 0 {
		return scalar
	}
	return gt.New(gt.WithShape(shape...), gt.WithBacking(elements))
}
