package layer

import (
	"github.com/pkg/errors"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/op"
)

// ConvPool returns the layer pool(max(0, conv(x, w) + b)) of shape (batch, height/2, width/2, out),
// for images x (batch, height, width, in), filters w (k, k, in, out) with an odd k from 3 on, and b
// (out). The convolution has stride 1 and keeps the size of the images; pool takes the largest of
// 2×2 pixels and leaves out a last odd row or column. If data is true, x has no gradient.
func ConvPool(x, w, b *G.Node, data bool) (*G.Node, error) {
	size, err := newConvSize("conv and pool", x, w, 1)
	if err != nil {
		return nil, err
	}
	if size.height < 2 || size.width < 2 {
		return nil, errors.Errorf("layer: conv and pool: the images have %d×%d pixels, want at "+
			"least 2×2", size.height, size.width)
	}
	if !b.Shape().Eq(tensor.Shape{size.out}) {
		return nil, errors.Errorf("layer: conv and pool: the bias has shape %v, want (%d)",
			b.Shape(), size.out)
	}
	shape := tensor.Shape{size.batch, size.height / 2, size.width / 2, size.out}
	s := op.Spec{Name: "ConvPool", Shape: shape}
	if data {
		s.Constant = []int{0}
	}
	return op.ApplyEither(s, size, newConvPool[float32], newConvPool[float64], x, w, b)
}

type convPool[T op.Float] struct {
	conv[T]
	workers workers[convPoolScratch[T]]
	at      []uint8 // where the largest of the pixels were
	db      [chunks][]float64
}

type convPoolScratch[T op.Float] struct {
	x, grad padded[T]
	out     []T // before pool
	sum     []T // a row
}

func newConvPool[T op.Float](size convSize) op.Module[T] {
	m := &convPool[T]{conv: newConv[T](size)}
	m.at = make([]uint8, size.batch*m.pooledSize())
	for i := range m.db {
		m.db[i] = make([]float64, size.out)
	}
	m.workers = newWorkers(func() *convPoolScratch[T] {
		return &convPoolScratch[T]{
			m.paddedInput(), m.paddedGradient(),
			make([]T, size.outSize()), make([]T, size.outRow()),
		}
	})
	return m
}

func (m *convPool[T]) pooledSize() int { return m.height / 2 * (m.width / 2) * m.out }

func (m *convPool[T]) Forward(out []T, in [][]T) {
	m.pack(in[1])
	m.workers.each(m.batch, func(s *convPoolScratch[T], i int) {
		s.x.set(part(in[0], i, m.inSize()))
		m.image(s.out, &s.x, in[2], 0)
		m.pool(i, s, out)
	})
}

// pool writes the pooled s.out of image i to out.
func (m *convPool[T]) pool(i int, s *convPoolScratch[T], out []T) {
	at := i * m.pooledSize()
	for y := range m.height / 2 {
		above, below := part(s.out, 2*y, m.outRow()), part(s.out, 2*y+1, m.outRow())
		for x := range m.width / 2 {
			m.kernel.Pool(out[at:at+m.out], m.at[at:at+m.out], m.square(above, below, x))
			at += m.out
		}
	}
}

// square returns the four pixels of two rows that are pooled to pixel x of the output.
func (m *convPool[T]) square(above, below []T, x int) [4][]T {
	from, middle, to := 2*x*m.out, (2*x+1)*m.out, (2*x+2)*m.out
	return [4][]T{above[from:middle], above[middle:to], below[from:middle], below[middle:to]}
}

func (m *convPool[T]) Backward(grads, in [][]T, _, dout []T) {
	m.startBackward(in[1])
	for _, db := range m.db {
		clear(db)
	}
	m.workers.eachImage(m.batch, func(s *convPoolScratch[T], chunk, i int) {
		s.x.set(part(in[0], i, m.inSize()))
		m.unpool(i, s, dout)
		fold(m.db[chunk], s.sum)
		m.weightGradient(chunk, &s.x, &s.grad)
		if grads[0] != nil {
			m.inputGradient(part(grads[0], i, m.inSize()), &s.grad, false)
		}
	})
	m.endBackward(grads[1])
	for c := range grads[2] {
		sum := 0.0
		for _, db := range m.db {
			sum += db[c]
		}
		grads[2][c] = T(sum)
	}
}

// unpool sets s.grad and its sum over the rows. Pixels that pool omits stay 0.
func (m *convPool[T]) unpool(i int, s *convPoolScratch[T], dout []T) {
	clear(s.sum)
	at := i * m.pooledSize()
	for y := range m.height / 2 {
		above, below := s.grad.at(2*y), s.grad.at(2*y+1)
		for x := range m.width / 2 {
			m.kernel.Unpool(m.square(above, below, x), dout[at:at+m.out], m.at[at:at+m.out])
			at += m.out
		}
		m.kernel.Add(s.sum, above)
		m.kernel.Add(s.sum, below)
	}
}
