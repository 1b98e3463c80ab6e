// Package flat runs passes over the weights and gradients of a model on all cores. A tensor is two
// slices of elements in row-major order, with a name and a shape. Package bind gets the slices from
// Gorgonia.
package flat

import (
	"math"

	"github.com/l4-go/l4/internal/kernel"
	"github.com/l4-go/l4/internal/record"
)

// Model is a list of tensors. Passes run over the elements that Place has set.
type Model struct {
	tensors []Tensor
	blocks  *blocks // nil until the first Place
}

// Tensor describes a tensor of a model.
type Tensor struct {
	Name  string
	Shape []int // empty for a scalar
	Dtype Dtype
}

// Dtype is the type of a tensor's elements.
type Dtype uint8

// The dtypes, with their numbers in saved states.
const (
	Float32 Dtype = 1
	Float64 Dtype = 2
)

// Size returns the number of elements.
func (t Tensor) Size() int {
	n := 1
	for _, size := range t.Shape {
		n *= size
	}
	return n
}

// Describe sets the tensors of the model. They have no elements before Place.
func (m *Model) Describe(tensors []Tensor) { *m = Model{tensors: tensors} }

// Len returns the number of tensors.
func (m *Model) Len() int { return len(m.tensors) }

// Tensor returns the description of tensor i.
func (m *Model) Tensor(i int) Tensor { return m.tensors[i] }

// Sizes returns the number of float32 elements and the number of float64 elements of all tensors.
func (m *Model) Sizes() (n32, n64 int) {
	for _, t := range m.tensors {
		if t.Dtype == Float32 {
			n32 += t.Size()
		} else {
			n64 += t.Size()
		}
	}
	return n32, n64
}

// Place sets the weights and gradients of a tensor. T must be the tensor's dtype, and w and g must
// have the length of its shape. g is nil for a tensor without a gradient.
func Place[T kernel.Float](m *Model, tensor int, w, g []T) {
	if m.blocks == nil { // not earlier, because a shape without elements can have any size
		m.blocks = newBlocks(m.tensors)
	}
	place(m.blocks, tensor, w, g)
}

// Sum runs a pass over all parts and returns the sums of its results.
func (m *Model) Sum(p Pass) (x, y float64) { return m.blocks.sum(p) }

// Any reports whether the first result of a pass is not 0 for any part. It stops at the first such
// part.
func (m *Model) Any(p Pass) bool { return m.blocks.any(p) }

// Find returns the first element for which the first result of a pass is not 0. Such an element
// must exist. value is the element's gradient, or its weight if the tensor has no gradient.
func (m *Model) Find(p Pass) (tensor, at int, value float64) { return m.blocks.find(p) }

// Fields lists name, dtype and shape of each tensor. After each tensor it calls tensor, which lists
// further fields.
func (m *Model) Fields(c *record.Codec, tensor func(i int)) {
	n := c.Uint(4, uint64(len(m.tensors)))
	if n > math.MaxInt {
		c.Fail("the number of parameters is %d, out of range", n)
	}
	if c.Reading() {
		// A tensor takes at least the length of its name, a dtype and a number of dimensions.
		*m = Model{tensors: make([]Tensor, 0, min(n, uint64(c.Left())/(8+1+4)))}
	}
	for i := 0; uint64(i) < n && c.Err() == nil; i++ {
		var t Tensor
		if !c.Reading() {
			t = m.tensors[i]
		}
		t.Name = c.String(t.Name)
		t.Dtype = Dtype(c.Uint(1, uint64(t.Dtype)))
		if c.Reading() && t.Dtype != Float32 && t.Dtype != Float64 {
			c.Fail("dtype is %d, want 1 for float32 or 2 for float64", t.Dtype)
		}
		t.Shape = c.Shape(t.Shape)
		if c.Err() != nil {
			return
		}
		if c.Reading() {
			m.tensors = append(m.tensors, t)
		}
		tensor(i)
	}
}
