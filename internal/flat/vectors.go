package flat

import (
	"math"

	"github.com/l4-go/l4/internal/kernel"
	"github.com/l4-go/l4/internal/record"
)

// Vectors holds one vector for each tensor of a model, with the tensor's dtype and length. The
// elements are 0 at first.
type Vectors struct {
	Number int         // differs for all Vectors that one pass reads; see kernel.NewVector
	F32    [][]float32 // vectors of the float32 tensors; nil for other tensors
	F64    [][]float64 // vectors of the float64 tensors; nil for other tensors
}

// Elements returns the elements of v that belong to a part.
func Elements[T kernel.Float](v *Vectors, p *Part[T]) []T {
	return (*vectorsOf[T](v))[p.Tensor][p.Lo : p.Lo+len(p.W)]
}

func vectorsOf[T kernel.Float](v *Vectors) *[][]T {
	if vs, ok := any(&v.F32).(*[][]T); ok {
		return vs
	}
	return any(&v.F64).(*[][]T)
}

// Renew allocates the vectors of a model.
func (v *Vectors) Renew(m *Model) {
	v.F32, v.F64 = nil, nil
	for i := range m.Len() {
		v.add(m, i)
	}
}

// Use creates the vectors of a model in x and y, whose lengths must be the Sizes of the model. The
// vectors of a dtype follow each other.
func (v *Vectors) Use(m *Model, x []float32, y []float64) {
	v.F32, v.F64 = make([][]float32, m.Len()), make([][]float64, m.Len())
	for i, t := range m.tensors {
		if n := t.Size(); t.Dtype == Float32 {
			v.F32[i], x = x[:n:n], x[n:]
		} else {
			v.F64[i], y = y[:n:n], y[n:]
		}
	}
}

// Made reports whether Renew, Use or Fields has created the vectors.
func (v *Vectors) Made() bool { return v.F32 != nil || v.F64 != nil }

func (v *Vectors) add(m *Model, tensor int) {
	if m.tensors[tensor].Dtype == Float32 {
		addVector(&v.F32, m, tensor, v.Number)
	} else {
		addVector(&v.F64, m, tensor, v.Number)
	}
}

// addVector appends the vector of a tensor, after a nil for each earlier tensor of the other dtype.
// So a model of one dtype does not need a list for the other dtype.
func addVector[T kernel.Float](vs *[][]T, m *Model, tensor, number int) {
	if *vs == nil {
		*vs = make([][]T, 0, cap(m.tensors))
	}
	for len(*vs) < tensor {
		*vs = append(*vs, nil)
	}
	*vs = append(*vs, kernel.NewVector[T](m.tensors[tensor].Size(), number))
}

// Fields lists the elements for one tensor. An element below least is an error that names what the
// vectors are.
func (v *Vectors) Fields(c *record.Codec, m *Model, tensor int, what string, least float64) {
	if c.Reading() {
		v.add(m, tensor)
	}
	if m.tensors[tensor].Dtype == Float32 {
		least := float32(max(least, -math.MaxFloat32))
		record.Vector(c, what, v.F32[tensor], least, math.MaxFloat32)
	} else {
		record.Vector(c, what, v.F64[tensor], max(least, -math.MaxFloat64), math.MaxFloat64)
	}
}

// AnyFields lists the elements for one tensor. They can have any value.
func (v *Vectors) AnyFields(c *record.Codec, m *Model, tensor int) {
	if c.Reading() {
		v.add(m, tensor)
	}
	if m.tensors[tensor].Dtype == Float32 {
		record.AnyVector(c, v.F32[tensor])
	} else {
		record.AnyVector(c, v.F64[tensor])
	}
}

// Set returns a pass that sets the vectors to the gradients.
func (v *Vectors) Set() Pass { return NewPass(v, set[float32], set[float64]) }

// Add returns a pass that adds the gradients to the vectors.
func (v *Vectors) Add() Pass { return NewPass(v, add[float32], add[float64]) }

func set[T kernel.Float](v *Vectors, p *Part[T]) (_, _ float64) {
	copy(Elements(v, p), p.G)
	return 0, 0
}

func add[T kernel.Float](v *Vectors, p *Part[T]) (_, _ float64) {
	kernel.Add(Elements(v, p), p.G)
	return 0, 0
}
