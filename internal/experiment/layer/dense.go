package layer

import (
	"github.com/pkg/errors"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/experiment/gemm"
	"github.com/l4-go/l4/internal/op"
)

// Dense returns the layer x·w + b of shape (batch, outputs), for w (inputs, outputs) and b
// (outputs). If rectified is true, it returns max(0, x·w + b). x has one row of inputs for each
// sample, in any shape, such as (batch, height, width, channels). If data is true, x has no
// gradient.
func Dense(x, w, b *G.Node, rectified, data bool) (*G.Node, error) {
	if x.Dims() < 2 || w.Dims() != 2 || b.Dims() != 1 || w.Shape()[1] != b.Shape()[0] ||
		x.Shape().TotalSize() != x.Shape()[0]*w.Shape()[0] {
		return nil, errors.Errorf("layer: dense: x, w and b have shapes %v, %v and %v, which do "+
			"not fit x·w + b", x.Shape(), w.Shape(), b.Shape())
	}
	size := denseSize{x.Shape()[0], w.Shape()[0], w.Shape()[1], rectified}
	s := op.Spec{Name: "Dense", Shape: tensor.Shape{size.batch, size.out}}
	if data {
		s.Constant = []int{0}
	}
	return op.ApplyEither(s, size, newDense[float32], newDense[float64], x, w, b)
}

type denseSize struct {
	batch, in, out int
	rectified      bool
}

// dense is the module of a dense layer. Each of its three products packs the right operand into
// adjacent panels of 16 columns, and divides the panels among the workers.
type dense[T op.Float] struct {
	denseSize
	kernel  gemm.Kernel[T]
	workers workers[denseScratch[T]]
	grad    []T // of the layer before it was rectified
	panels  []T // the same, as panels
	zeros   []T
}

type denseScratch[T op.Float] struct{ panels, columns []T }

const (
	together = 64  // columns of w that are packed together, complete lines of the cache
	innerMax = 384 // rows of a panel that stay in the first cache
	rowBlock = 96  // rows of the gradient of w that are computed together
)

func newDense[T op.Float](s denseSize) op.Module[T] {
	return &dense[T]{
		denseSize: s, kernel: gemm.Of[T](), zeros: make([]T, max(gemm.Cols, s.out)),
		grad: make([]T, s.batch*s.out), panels: make([]T, s.batch*gemm.RoundUp(s.out)),
		workers: newWorkers(func() *denseScratch[T] {
			panels := max(together*min(innerMax, s.in), gemm.Cols*s.out)
			return &denseScratch[T]{make([]T, panels), make([]T, rowBlock*s.batch)}
		}),
	}
}

func (m *dense[T]) Forward(out []T, in [][]T) {
	x, w, b := in[0], in[1], in[2]
	m.workers.each((m.out+together-1)/together, func(s *denseScratch[T], task int) {
		from := task * together
		cols := min(together, m.out-from)
		for k := 0; k < m.in; k += innerMax {
			inner := min(innerMax, m.in-k)
			gemm.Pack(s.panels, w[k*m.out+from:], inner, cols, m.out)
			p := gemm.Product{
				Rows: m.batch, Cols: cols, Inner: inner, AI: m.in, AK: 1,
				InitI: m.out, CI: m.out, Rectify: m.rectified && k+inner == m.in,
			}
			c := out[from:]
			init := c
			if k == 0 {
				init, p.InitI = b[from:], 0
			}
			gemm.MultiplyPacked(m.kernel, p, x[k:], s.panels, init, c)
		}
	})
}

func (m *dense[T]) Backward(grads, in [][]T, out, dout []T) {
	grad := dout
	if m.rectified {
		grad = m.grad
		for i, d := range dout {
			on := 1
			if out[i] <= 0 {
				on = 0
			}
			grad[i] = [2]T{0, d}[on] // no branch, which would be mispredicted often
		}
	}
	if grads[0] != nil {
		m.inputGradient(grads[0], in[1], grad)
	}
	m.weightGradient(grads[1], in[0], grad)
	clear(grads[2])
	for ; len(grad) > 0; grad = grad[m.out:] {
		m.kernel.Add(grads[2], grad[:m.out])
	}
}

// inputGradient computes dx = grad·wᵀ.
func (m *dense[T]) inputGradient(dx, w, grad []T) {
	m.workers.each((m.in+gemm.Cols-1)/gemm.Cols, func(s *denseScratch[T], task int) {
		i := task * gemm.Cols
		p := gemm.Product{
			Rows: m.batch, Cols: min(gemm.Cols, m.in-i), Inner: m.out,
			AI: m.out, AK: 1, CI: m.in,
		}
		gemm.PackTransposed(s.panels, w[i*m.out:], m.out, p.Cols, m.out)
		gemm.MultiplyPacked(m.kernel, p, grad, s.panels, m.zeros, dx[i:])
	})
}

// weightGradient computes dw = xᵀ·grad.
func (m *dense[T]) weightGradient(dw, x, grad []T) {
	gemm.Pack(m.panels, grad, m.batch, m.out, m.out)
	m.workers.each((m.in+rowBlock-1)/rowBlock, func(s *denseScratch[T], task int) {
		i := task * rowBlock
		rows := min(rowBlock, m.in-i)
		for n := range m.batch { // columns of x that lie far apart slow the product down
			copy(s.columns[n*rows:(n+1)*rows], x[n*m.in+i:])
		}
		p := gemm.Product{
			Rows: rows, Cols: m.out, Inner: m.batch, AI: 1, AK: rows, CI: m.out,
		}
		gemm.MultiplyPacked(m.kernel, p, s.columns, m.panels, m.zeros, dw[i*m.out:])
	})
}
