package dnc

import (
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/op"
	"github.com/l4-go/l4/internal/op/optest"
)

// small has no two dimensions alike.
var small = Size{
	Steps: 4, Batch: 2, Inputs: 4, Outputs: 3, Hidden: 6, Slots: 5, Width: 7, Heads: 3,
}

// alone makes a module of a piece, so that it can be checked in a graph.
type alone[T op.Float] struct{ piece[T] }

func (m alone[T]) Forward(out []T, in [][]T) { m.forward(out, in) }

func (m alone[T]) Backward(grads, in [][]T, out, dout []T) {
	for _, g := range grads {
		clear(g)
	}
	m.backward(grads, in, out, dout)
}

// positions of the interface in which a test wants what the activations make: numbers from 0 to 1.

// TestPieces checks each piece of the net on its own: its gradients with central differences, and
// float32 with float64. The inputs are standard normal. Those that stand for a part of the interface
// are raw, which is harder for the gradients than the gates and strengths that the net has there.
func TestPieces(t *testing.T) {
	s, l := small, newLayout(small)
	slots, heads, face := s.Slots, s.Heads*s.Slots, l.size
	cases := map[string]struct {
		in  []int // elements of each input for one of the batch
		out int
		f32 func() piece[float32]
		f64 func() piece[float64]
	}{
		"gates": {[]int{4 * s.Hidden}, 4 * s.Hidden,
			func() piece[float32] { return gates[float32]{s.Hidden} },
			func() piece[float64] { return gates[float64]{s.Hidden} }},
		"cell": {[]int{4 * s.Hidden, s.Hidden}, s.Hidden,
			func() piece[float32] { return cell[float32]{s.Hidden} },
			func() piece[float64] { return cell[float64]{s.Hidden} }},
		"hidden": {[]int{4 * s.Hidden, s.Hidden}, s.Hidden,
			func() piece[float32] { return &hidden[float32]{s.Hidden, make([]float32, 2*s.Hidden)} },
			func() piece[float64] { return &hidden[float64]{s.Hidden, make([]float64, 2*s.Hidden)} }},
		"clip": {[]int{20}, 20,
			func() piece[float32] { return clip[float32]{0.7} },
			func() piece[float64] { return clip[float64]{0.7} }},
		"activations": {[]int{face}, face,
			func() piece[float32] { return activations[float32]{l} },
			func() piece[float64] { return activations[float64]{l} }},
		"content of the write key": {[]int{slots * s.Width, face}, slots,
			func() piece[float32] {
				return newContent[float32](s, l, 1, l.writeKey, l.writeStrength)
			},
			func() piece[float64] {
				return newContent[float64](s, l, 1, l.writeKey, l.writeStrength)
			}},
		"content of the read keys": {[]int{slots * s.Width, face}, heads,
			func() piece[float32] {
				return newContent[float32](s, l, s.Heads, l.readKeys, l.readStrengths)
			},
			func() piece[float64] {
				return newContent[float64](s, l, s.Heads, l.readKeys, l.readStrengths)
			}},
		"usage": {[]int{slots, slots, heads, face}, slots,
			func() piece[float32] { return usage[float32]{s, l} },
			func() piece[float64] { return usage[float64]{s, l} }},
		"allocation": {[]int{slots}, slots,
			func() piece[float32] { return newAllocation[float32](s) },
			func() piece[float64] { return newAllocation[float64](s) }},
		"write weights": {[]int{slots, slots, face}, slots,
			func() piece[float32] { return writeWeights[float32]{s, l} },
			func() piece[float64] { return writeWeights[float64]{s, l} }},
		"write": {[]int{slots * s.Width, slots, face}, slots * s.Width,
			func() piece[float32] { return write[float32]{s, l} },
			func() piece[float64] { return write[float64]{s, l} }},
		"link": {[]int{slots * slots, slots, slots}, slots * slots,
			func() piece[float32] { return link[float32]{s} },
			func() piece[float64] { return link[float64]{s} }},
		"precedence": {[]int{slots, slots}, slots,
			func() piece[float32] { return precedence[float32]{s} },
			func() piece[float64] { return precedence[float64]{s} }},
		"read weights": {[]int{slots * slots, heads, heads, face}, heads,
			func() piece[float32] { return newReadWeights[float32](s, l) },
			func() piece[float64] { return newReadWeights[float64](s, l) }},
		"read": {[]int{heads, slots * s.Width}, s.words(),
			func() piece[float32] { return read[float32]{s} },
			func() piece[float64] { return read[float64]{s} }},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			o := optest.Operation{Params: len(c.in)}
			for _, n := range c.in {
				o.Shapes = append(o.Shapes, tensor.Shape{s.Batch, n})
			}
			o.Loss = func(in G.Nodes) (*G.Node, error) {
				spec := op.Spec{Name: "Piece", Shape: tensor.Shape{s.Batch, c.out}}
				return optest.Weighted(op.ApplyEither(spec, s,
					func(Size) op.Module[float32] { return alone[float32]{c.f32()} },
					func(Size) op.Module[float64] { return alone[float64]{c.f64()} }, in...))
			}
			o.Check(t)
		})
	}
}
