package nn

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/op"
)

// What modules are made of; see package op.
type (
	Float           = op.Float
	Module[T Float] = op.Module[T]
	Spec            = op.Spec
)

// Apply returns the output of a module for inputs of its dtype.
func Apply[T Float](m Module[T], s Spec, inputs ...*G.Node) (*G.Node, error) {
	return op.Apply(m, s, inputs...)
}

// Fill sets the elements of a tensor of float32 or float64 in the order of its memory.
func Fill(t *tensor.Dense, next func() float64) {
	switch xs := t.Data().(type) {
	case []float32:
		for i := range xs {
			xs[i] = float32(next())
		}
	case []float64:
		for i := range xs {
			xs[i] = next()
		}
	}
}
