package l4

import (
	"math"

	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/flat"
	"github.com/l4-go/l4/internal/kernel"
	"github.com/l4-go/l4/internal/record"
)

// vectors hold a vector for each tensor of a model, of its dtype and number of elements, zero at
// first.
type vectors struct {
	number int         // among those that one pass reads; see kernel.NewVector
	f32    [][]float32 // by tensor; nil where that is of the other dtype
	f64    [][]float64
}

// renew makes the vectors of a model.
func (v *vectors) renew(m *flat.Model) {
	v.f32, v.f64 = nil, nil
	for i := range m.Len() {
		v.add(m, i)
	}
}

func (v *vectors) add(m *flat.Model, tensorIndex int) {
	var x []float32
	var y []float64
	if n := m.Size(tensorIndex); m.Dtype(tensorIndex) == tensor.Float32 {
		x = kernel.NewVector[float32](n, v.number)
	} else {
		y = kernel.NewVector[float64](n, v.number)
	}
	v.f32, v.f64 = append(v.f32, x), append(v.f64, y)
}

// fields are the elements for one tensor, none below least.
func (v *vectors) fields(c *record.Codec, m *flat.Model, tensorIndex int, what string,
	least float64) {
	if c.Reading() {
		v.add(m, tensorIndex)
	}
	least32 := float32(max(least, -math.MaxFloat32))
	record.Vector(c, what, v.f32[tensorIndex], least32, math.MaxFloat32)
	record.Vector(c, what, v.f64[tensorIndex], max(least, -math.MaxFloat64), math.MaxFloat64)
}

// anyFields are the elements for one tensor, of any value.
func (v *vectors) anyFields(c *record.Codec, m *flat.Model, tensorIndex int) {
	if c.Reading() {
		v.add(m, tensorIndex)
	}
	record.AnyVector(c, v.f32[tensorIndex])
	record.AnyVector(c, v.f64[tensorIndex])
}
