package layer

import (
	G "gorgonia.org/gorgonia"

	"github.com/l4-go/l4/internal/op"
)

// ConvNorm returns the layer max(0, norm(conv(x, w))) of shape (batch, height/stride, width/stride,
// out), rounded up, for images x (batch, height, width, in) and filters w (k, k, in, out) with an
// odd k from 3 on and a stride of 1 or 2. If data is true, x has no gradient.
func ConvNorm(x, w *G.Node, norm BatchNorm, stride int, data bool) (*G.Node, error) {
	size, err := newConvSize("conv and norm", x, w, stride)
	if err != nil {
		return nil, err
	}
	if err := norm.check("conv and norm", size.out); err != nil {
		return nil, err
	}
	s := op.Spec{Name: "ConvNorm", Shape: size.outShape()}
	switch {
	case !norm.Training:
		s.Constant = []int{0, 1, 2, 3}
	case data:
		s.Constant = []int{0}
	}
	c := convNormConfig{size, norm}
	return op.ApplyEither(s, c, newConvNorm[float32], newConvNorm[float64],
		x, w, norm.Scale, norm.Shift)
}

type convNormConfig struct {
	convSize
	BatchNorm
}

type convNorm[T op.Float] struct {
	conv[T]
	norm      *norm[T]
	training  bool
	workers   workers[convNormScratch[T]]
	convolved []T // the convolution of a batch
	masked    []T // the gradient of the norm
	zeroRow   []T
}

type convNormScratch[T op.Float] struct {
	normScratch[T]
	x, grad padded[T]
}

func newConvNorm[T op.Float](c convNormConfig) op.Module[T] {
	m := &convNorm[T]{
		conv: newConv[T](c.convSize), norm: newNorm[T](c.convSize, c.Statistics),
		training: c.Training, zeroRow: make([]T, c.outRow()),
		convolved: make([]T, c.batch*c.outSize()),
	}
	if m.training {
		m.masked = make([]T, m.batch*m.outSize())
	}
	m.workers = newWorkers(func() *convNormScratch[T] {
		return &convNormScratch[T]{
			newNormScratch[T](m.outRow()), m.paddedInput(), m.paddedGradient(),
		}
	})
	return m
}

func (m *convNorm[T]) Forward(out []T, in [][]T) {
	m.pack(in[1])
	m.workers.each(m.batch, func(s *convNormScratch[T], i int) {
		z := part(m.convolved, i, m.outSize())
		s.x.set(part(in[0], i, m.inSize()))
		m.image(z, &s.x, m.zeros, 0)
		if m.training {
			m.norm.measure(i, z, &s.normScratch)
		}
	})
	if m.training {
		m.norm.useBatch(in[2], in[3])
	} else {
		m.norm.useRunning(in[2], in[3])
	}
	m.workers.each(m.batch, func(_ *convNormScratch[T], i int) {
		y, z := part(out, i, m.outSize()), part(m.convolved, i, m.outSize())
		for r := range m.outHeight() {
			m.norm.normalize(part(y, r, m.outRow()), part(z, r, m.outRow()), m.zeroRow)
		}
	})
}

func (m *convNorm[T]) Backward(grads, in [][]T, out, dout []T) {
	size, row := m.outSize(), m.outRow()
	m.workers.each(m.batch, func(s *convNormScratch[T], i int) {
		y := func(r int) []T { return part(part(out, i, size), r, row) }
		m.norm.mask(i, part(m.masked, i, size), part(dout, i, size), y,
			part(m.convolved, i, size), &s.normScratch)
	})
	m.norm.backward(grads[2], grads[3])
	m.startBackward(in[1])
	m.workers.eachImage(m.batch, func(s *convNormScratch[T], chunk, i int) {
		s.x.set(part(in[0], i, m.inSize()))
		m.norm.inputGradient(&s.grad, part(m.masked, i, size), part(m.convolved, i, size))
		m.weightGradient(chunk, &s.x, &s.grad)
		if grads[0] != nil {
			m.inputGradient(part(grads[0], i, m.inSize()), &s.grad, false)
		}
	})
	m.endBackward(grads[1])
}
