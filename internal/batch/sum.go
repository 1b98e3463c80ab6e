// Package batch sums the losses and the gradients of several batches, so that a solver can make one
// step along their means.
package batch

import (
	"gorgonia.org/gorgonia"
	gt "gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/bind"
	"github.com/l4-go/l4/internal/flat"
	"github.com/l4-go/l4/internal/objective"
)

// Sum holds the sums of the losses and of the gradients of batches. All batches must have the same
// parameters.
type Sum struct {
	// Alloc returns memory for the gradients: n32 float32 and n64 float64 elements. The gradients
	// of all tensors of a dtype follow each other. The first Add calls Alloc. If Alloc is nil, Sum
	// allocates the memory.
	Alloc func(n32, n64 int) ([]float32, []float64, error)

	Loss   float64      // sum of the losses
	N      int          // number of batches
	Narrow bool         // at least one loss is a float32
	Grads  flat.Vectors // sums of the gradients

	reader   objective.Reader
	model    bind.Model // the model of the batch that was added last
	set, add flat.Pass
	params   []*Param
}

// Param is a parameter of the first batch of a Sum. Its gradient is the Sum's.
type Param struct {
	gorgonia.ValueGrad
	Gradient gorgonia.Value
	Of       gorgonia.Valuer // the loss of the gradient
}

// Grad returns the gradient.
func (p *Param) Grad() (gorgonia.Value, error) { return p.Gradient, nil }

// Name returns the name of the parameter, or "" if the parameter does not have a name.
func (p *Param) Name() string {
	if n, ok := p.ValueGrad.(gorgonia.Namer); ok {
		return n.Name()
	}
	return ""
}

// Loss returns the loss of the gradient.
func (p *Param) Loss() gorgonia.Valuer { return p.Of }

// Unwrap returns the parameter of the first batch.
func (p *Param) Unwrap() gorgonia.ValueGrad { return p.ValueGrad }

var _ objective.Mean = (*Param)(nil)

// Clear starts a new sum with 0 batches. Grads stays unchanged until the next Add.
func (s *Sum) Clear() { s.Loss, s.N, s.Narrow = 0, 0, false }

// Add adds the loss and the gradients of a batch, and zeroes the gradients of the batch. If fresh
// is true, Add starts a new sum. An error leaves everything unchanged.
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
	s.model.Remember()
	s.Loss += x
	s.N++
	s.Narrow = s.Narrow || narrow
	return nil
}

// Params returns the parameters of the first batch, or nil before the first Add. The returned slice
// and its elements are the same for every sum.
func (s *Sum) Params() []*Param { return s.params }

// Tensors returns the names, dtypes and shapes of the parameters.
func (s *Sum) Tensors() *flat.Model { return &s.model.Model }

// alloc creates the sums of the gradients and the parameters.
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

// valueOf returns a tensor of the elements, or scalar if the shape has no dimensions.
func valueOf(shape []int, elements any, scalar gorgonia.Value) gorgonia.Value {
	if len(shape) == 0 {
		return scalar
	}
	return gt.New(gt.WithShape(shape...), gt.WithBacking(elements))
}
