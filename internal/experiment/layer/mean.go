package layer

import (
	"github.com/pkg/errors"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/experiment/gemm"
	"github.com/l4-go/l4/internal/op"
)

// Mean returns the mean over the pixels of images (batch, height, width, channels), of shape
// (batch, channels). It is also called global average pooling.
func Mean(x *G.Node) (*G.Node, error) {
	if x.Dims() != 4 {
		return nil, errors.Errorf("layer: mean: x has shape %v, want (batch, height, width, "+
			"channels)", x.Shape())
	}
	shape := x.Shape()
	s := op.Spec{Name: "Mean", Shape: tensor.Shape{shape[0], shape[3]}}
	return op.ApplyEither(s, shape, newMean[float32], newMean[float64], x)
}

type mean[T op.Float] struct {
	kernel                   gemm.Kernel[T]
	images, pixels, channels int
}

func newMean[T op.Float](s tensor.Shape) op.Module[T] {
	return &mean[T]{gemm.Of[T](), s[0], s[1] * s[2], s[3]}
}

func (m *mean[T]) Forward(out []T, in [][]T) {
	clear(out)
	x := in[0]
	for i := range m.images {
		o := out[i*m.channels:][:m.channels]
		for range m.pixels {
			m.kernel.Add(o, x[:m.channels])
			x = x[m.channels:]
		}
		for c := range o {
			o[c] /= T(m.pixels)
		}
	}
}

func (m *mean[T]) Backward(grads, _ [][]T, _, dout []T) {
	dx := grads[0]
	for i := range m.images {
		first := dx[:m.channels]
		for c, d := range dout[i*m.channels:][:m.channels] {
			first[c] = d / T(m.pixels)
		}
		for range m.pixels {
			dx = dx[copy(dx, first):]
		}
	}
}
