package layer

import (
	"github.com/pkg/errors"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/op"
)

// Residual returns the block max(0, norm2(conv(max(0, norm1(conv(x, w1))), w2)) + shortcut(x)) of
// shape (batch, height/stride, width/stride, out), rounded up, for images x (batch, height, width,
// in) and filters w1 (k, k, in, out) and w2 (k, k, out, out) with an odd k from 3 on. The first
// convolution has a stride of 1 or 2. The shortcut takes every pixel or every second pixel. If out
// is larger than in, it adds channels of zeros on both sides.
func Residual(
	x, w1 *G.Node, norm1 BatchNorm, w2 *G.Node, norm2 BatchNorm, stride int,
) (*G.Node, error) {
	const layer = "residual block"
	first, err := newConvSize(layer, x, w1, stride)
	if err != nil {
		return nil, err
	}
	if first.out < first.in {
		return nil, errors.Errorf("layer: %s: x has %d channels and the block returns %d, want "+
			"at least as many", layer, first.in, first.out)
	}
	second := first.second()
	if want := (tensor.Shape{first.k, first.k, first.out, first.out}); !w2.Shape().Eq(want) {
		return nil, errors.Errorf("layer: %s: the second weights have shape %v, want %v",
			layer, w2.Shape(), want)
	}
	for _, norm := range []BatchNorm{norm1, norm2} {
		if err := norm.check(layer, first.out); err != nil {
			return nil, err
		}
	}
	if norm1.Training != norm2.Training {
		return nil, errors.Errorf("layer: %s: one batch norm is for training and one for "+
			"evaluation: use the same mode", layer)
	}
	s := op.Spec{Name: "Residual", Shape: second.outShape()}
	if !norm1.Training {
		s.Constant = []int{0, 1, 2, 3, 4, 5, 6}
	}
	c := residualConfig{first, second, norm1.Statistics, norm2.Statistics, norm1.Training}
	return op.ApplyEither(s, c, newResidual[float32], newResidual[float64],
		x, w1, norm1.Scale, norm1.Shift, w2, norm2.Scale, norm2.Shift)
}

// second returns the size of the second convolution of a block.
func (s *convSize) second() convSize {
	return convSize{s.batch, s.outHeight(), s.outWidth(), s.out, s.out, s.k, 1}
}

type residualConfig struct {
	first, second            convSize
	statistics1, statistics2 *Statistics
	training                 bool
}

// residual is the module of a block. For Backward it stores the results of the two convolutions. It
// computes the other intermediate results again.
type residual[T op.Float] struct {
	conv1, conv2 conv[T]
	norm1, norm2 *norm[T]
	training     bool
	workers      workers[residualScratch[T]]
	z1, z2       []T // the convolutions of a batch, in training
	masked       []T // the gradient of norm2 and of the shortcut; see maskedMemory
	zeroRow      []T
}

// residualScratch is the scratch memory of a goroutine: padded images, rows and, in evaluation, the
// results of the two convolutions.
type residualScratch[T op.Float] struct {
	normScratch[T]
	x, grad1, hidden, grad2 padded[T]
	row, z1, z2             []T
}

func newResidual[T op.Float](c residualConfig) op.Module[T] {
	size, row := c.second.outSize(), c.second.outRow()
	m := &residual[T]{
		conv1: newConv[T](c.first), norm1: newNorm[T](c.first, c.statistics1),
		conv2: newConv[T](c.second), norm2: newNorm[T](c.second, c.statistics2),
		training: c.training, zeroRow: make([]T, row),
	}
	if m.training {
		m.z1, m.z2 = make([]T, c.second.batch*size), make([]T, c.second.batch*size)
	}
	m.workers = newWorkers(func() *residualScratch[T] {
		s := &residualScratch[T]{
			normScratch: newNormScratch[T](row), row: make([]T, row),
			x: m.conv1.paddedInput(), hidden: m.conv2.paddedInput(),
		}
		if m.training {
			s.grad1, s.grad2 = m.conv1.paddedGradient(), m.conv2.paddedGradient()
		} else {
			s.z1, s.z2 = make([]T, size), make([]T, size)
		}
		return s
	})
	return m
}

// images returns the memory for the results of the two convolutions of image i.
func (m *residual[T]) images(s *residualScratch[T], i int) (z1, z2 []T) {
	if !m.training {
		return s.z1, s.z2
	}
	size := m.conv2.outSize()
	return part(m.z1, i, size), part(m.z2, i, size)
}

func (m *residual[T]) Forward(out []T, in [][]T) {
	m.conv1.pack(in[1])
	m.conv2.pack(in[4])
	batch := m.conv1.batch
	if !m.training {
		m.norm1.useRunning(in[2], in[3])
		m.norm2.useRunning(in[5], in[6])
		m.workers.each(batch, func(s *residualScratch[T], i int) {
			m.first(s, i, in[0])
			m.second(s, i)
			m.sum(s, i, out, in[0])
		})
		return
	}
	m.workers.each(batch, func(s *residualScratch[T], i int) {
		m.first(s, i, in[0])
		m.norm1.measure(i, part(m.z1, i, m.conv1.outSize()), &s.normScratch)
	})
	m.norm1.useBatch(in[2], in[3])
	m.workers.each(batch, func(s *residualScratch[T], i int) {
		m.second(s, i)
		m.norm2.measure(i, part(m.z2, i, m.conv2.outSize()), &s.normScratch)
	})
	m.norm2.useBatch(in[5], in[6])
	m.workers.each(batch, func(s *residualScratch[T], i int) { m.sum(s, i, out, in[0]) })
}

// first computes the first convolution of image i.
func (m *residual[T]) first(s *residualScratch[T], i int, x []T) {
	z1, _ := m.images(s, i)
	s.x.set(part(x, i, m.conv1.inSize()))
	m.conv1.image(z1, &s.x, m.conv1.zeros, 0)
}

// second computes the second convolution of image i.
func (m *residual[T]) second(s *residualScratch[T], i int) {
	z1, z2 := m.images(s, i)
	m.hide(s, z1)
	m.conv2.image(z2, &s.hidden, m.conv2.zeros, 0)
}

// hide sets s.hidden, the input of the second convolution.
func (m *residual[T]) hide(s *residualScratch[T], z1 []T) {
	for y := range m.conv2.height {
		m.norm1.normalize(s.hidden.at(y), part(z1, y, m.conv2.outRow()), m.zeroRow)
	}
}

// sum computes the output for image i.
func (m *residual[T]) sum(s *residualScratch[T], i int, out, x []T) {
	_, z2 := m.images(s, i)
	row := m.conv2.outRow()
	x, out = part(x, i, m.conv1.inSize()), part(out, i, m.conv2.outSize())
	for y := range m.conv2.height {
		m.norm2.normalize(part(out, y, row), part(z2, y, row), m.shortcut(s.row, x, y))
	}
}

// identity reports whether the shortcut is the input itself.
func (m *residual[T]) identity() bool { return m.conv1.stride == 1 && m.conv1.in == m.conv1.out }

// shortcut returns row y of the shortcut. If it is not a row of x, it is written to row.
func (m *residual[T]) shortcut(row, x []T, y int) []T {
	if m.identity() {
		return part(x, y, len(row))
	}
	clear(row)
	m.eachPixel(y, func(out, in int) { copy(row[out:out+m.conv1.in], x[in:]) })
	return row
}

// eachPixel calls f for the pixels of row y of the output, with the indices of the shortcut's pixel
// in its row and in the input.
func (m *residual[T]) eachPixel(y int, f func(out, in int)) {
	c := &m.conv1
	before := (c.out - c.in) / 2
	for x := range c.outWidth() {
		f(x*c.out+before, (y*c.width+x)*c.stride*c.in)
	}
}

func (m *residual[T]) Backward(grads, in [][]T, out, dout []T) {
	masked := m.maskedMemory(grads[0])
	m.backwardSum(masked, out, dout)
	m.norm2.backward(grads[5], grads[6])
	m.backwardSecond(masked, in[4])
	m.conv2.endBackward(grads[4])
	m.norm1.backward(grads[2], grads[3])
	m.backwardFirst(masked, grads[0], in)
	m.conv1.endBackward(grads[1])
}

// maskedMemory returns the memory for the gradient of the sum. If the shortcut is the identity, it
// is dx, to which the gradient through the convolutions is added later.
func (m *residual[T]) maskedMemory(dx []T) []T {
	if m.identity() && dx != nil {
		return dx
	}
	if m.masked == nil {
		m.masked = make([]T, len(m.z2))
	}
	return m.masked
}

// backwardSum sets masked to the gradient of norm2 and of the shortcut.
func (m *residual[T]) backwardSum(masked, out, dout []T) {
	row, size := m.conv2.outRow(), m.conv2.outSize()
	m.workers.each(m.conv2.batch, func(s *residualScratch[T], i int) {
		y := func(r int) []T { return part(part(out, i, size), r, row) }
		m.norm2.mask(i, part(masked, i, size), part(dout, i, size), y, part(m.z2, i, size),
			&s.normScratch)
	})
}

// backwardSecond sets the gradient of the second weights, and overwrites z2 with the gradient of
// norm1.
func (m *residual[T]) backwardSecond(masked, w2 []T) {
	size := m.conv2.outSize()
	m.conv2.startBackward(w2)
	m.workers.eachImage(m.conv2.batch, func(s *residualScratch[T], chunk, i int) {
		z1, z2 := m.images(s, i)
		m.hide(s, z1)
		m.norm2.inputGradient(&s.grad2, part(masked, i, size), z2)
		m.conv2.weightGradient(chunk, &s.hidden, &s.grad2)
		m.conv2.inputGradient(z2, &s.grad2, false)
		m.norm1.mask(i, z2, z2, s.hidden.at, z1, &s.normScratch)
	})
}

// backwardFirst sets the gradients of the first weights and of x, given the gradient of norm1 in
// z2.
func (m *residual[T]) backwardFirst(masked, dx []T, in [][]T) {
	row, size := m.conv2.outRow(), m.conv2.outSize()
	m.conv1.startBackward(in[1])
	m.workers.eachImage(m.conv1.batch, func(s *residualScratch[T], chunk, i int) {
		z1, grad := m.images(s, i)
		s.x.set(part(in[0], i, m.conv1.inSize()))
		m.norm1.inputGradient(&s.grad1, grad, z1)
		m.conv1.weightGradient(chunk, &s.x, &s.grad1)
		if dx == nil {
			return
		}
		d, shortcut := part(dx, i, m.conv1.inSize()), part(masked, i, size)
		if !m.identity() {
			clear(d)
			for y := range m.conv2.height {
				from := part(shortcut, y, row)
				m.eachPixel(y, func(out, in int) { copy(d[in:in+m.conv1.in], from[out:]) })
			}
		}
		m.conv1.inputGradient(d, &s.grad1, true)
	})
}
