package nn

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// ConvNorm returns the layer max(0, norm(conv(x, w))) of shape (batch, height/stride, width/stride, out), rounded
// up, for images x (batch, height, width, in) and filters w (k, k, in, out) with an odd k from 3 on and a stride
// of 1 or 2. If x is data, it needs no gradient.
func ConvNorm(x, w *G.Node, norm BatchNorm, stride int, data bool) (*G.Node, error) {
	size, err := newConvSize("conv and norm", x, w, stride)
	if err != nil {
		return nil, err
	}
	if err := norm.check("conv and norm", size.out); err != nil {
		return nil, err
	}
	s := Spec{Name: "ConvNorm", Shape: tensor.Shape{size.batch, size.outHeight(), size.outWidth(), size.out}}
	switch {
	case !norm.Training:
		s.Constant = []int{0, 1, 2, 3}
	case data:
		s.Constant = []int{0}
	}
	c := convNormConfig{size, norm}
	return apply(s, c, newConvNorm[float32], newConvNorm[float64], x, w, norm.Scale, norm.Shift)
}

type convNormConfig struct {
	convSize
	BatchNorm
}

type convNorm[T Float] struct {
	conv[T]
	norm              *norm[T]
	training          bool
	crew              crew[convNormScratch[T]]
	convolved, masked []T // the convolution, and the gradient of its norm
	zeros             []T // a row
}

type convNormScratch[T Float] struct {
	normScratch[T]
	x, grad padded[T]
}

func newConvNorm[T Float](c convNormConfig) Module[T] {
	m := &convNorm[T]{conv: newConv[T](c.convSize), norm: newNorm[T](c.convSize, c.Statistics), training: c.Training}
	m.convolved, m.zeros = make([]T, m.batch*m.outSize()), make([]T, m.outRow())
	if m.training {
		m.masked = make([]T, m.batch*m.outSize())
	}
	m.crew = newCrew(func() *convNormScratch[T] {
		return &convNormScratch[T]{newNormScratch[T](m.outRow()), m.paddedInput(), m.paddedGradient()}
	})
	return m
}

func (m *convNorm[T]) Forward(out []T, in [][]T) {
	m.pack(in[1])
	m.crew.each(m.batch, func(s *convNormScratch[T], i int) {
		z := m.convolved[i*m.outSize():][:m.outSize()]
		s.x.set(in[0][i*m.inSize():][:m.inSize()])
		m.image(z, &s.x, m.conv.zeros, 0)
		if m.training {
			m.norm.measure(i, z, &s.normScratch)
		}
	})
	if m.training {
		m.norm.useBatch(in[2], in[3])
	} else {
		m.norm.useRunning(in[2], in[3])
	}
	m.crew.each(m.batch, func(_ *convNormScratch[T], i int) {
		row := m.outRow()
		for from := i * m.outSize(); from < (i+1)*m.outSize(); from += row {
			m.norm.normalize(out[from:from+row], m.convolved[from:from+row], m.zeros)
		}
	})
}

func (m *convNorm[T]) Backward(grads, in [][]T, out, dout []T) {
	row := m.outRow()
	m.crew.each(m.batch, func(s *convNormScratch[T], i int) {
		from, to := i*m.outSize(), (i+1)*m.outSize()
		y := func(r int) []T { return out[from+r*row:][:row] }
		m.norm.mask(i, m.masked[from:to], dout[from:to], y, m.convolved[from:to], &s.normScratch)
	})
	m.norm.backward(grads[2], grads[3])
	m.startBackward(in[1])
	m.crew.eachImage(m.batch, func(s *convNormScratch[T], chunk, i int) {
		s.x.set(in[0][i*m.inSize():][:m.inSize()])
		for y := range m.outHeight() {
			from := i*m.outSize() + y*row
			m.norm.inputGradient(s.grad.at(y), m.masked[from:from+row], m.convolved[from:from+row])
		}
		m.weightGradient(chunk, &s.x, &s.grad)
		if grads[0] != nil {
			m.inputGradient(grads[0][i*m.inSize():][:m.inSize()], &s.grad, false)
		}
	})
	m.endBackward(grads[1])
}
