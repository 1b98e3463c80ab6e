package paper

import (
	"github.com/pkg/errors"
	"gonum.org/v1/gonum/blas"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/experiment/gemm"
	"github.com/l4-go/l4/internal/op"
)

// LinearNetLoss returns the loss ‖w1·w2·x - y‖², summed over all elements, of a linear net of two
// layers. It has gradients with respect to w1 and w2; x and y are constants.
//
// It is one operation, because the overhead of Gorgonia's operations is much larger than their
// arithmetic for matrices as small as the regression's.
func LinearNetLoss(w1, w2, x, y *G.Node) (*G.Node, error) {
	for _, n := range []*G.Node{w1, w2, x, y} {
		if n.Dims() != 2 {
			return nil, errors.Errorf("paper: linear net: %v has shape %v, want a matrix",
				n, n.Shape())
		}
	}
	s1, s2, sx, sy := w1.Shape(), w2.Shape(), x.Shape(), y.Shape()
	if s1[1] != s2[0] || s2[1] != sx[0] || s1[0] != sy[0] || sx[1] != sy[1] {
		return nil, errors.Errorf("paper: linear net: the product of shapes %v, %v and %v does "+
			"not have the shape %v of y", s1, s2, sx, sy)
	}
	spec := op.Spec{Name: "LinearNetLoss", Constant: []int{2, 3}}
	if x.Dtype() == tensor.Float32 {
		return op.Apply(newLinearNet[float32](s1, s2, sx), spec, w1, w2, x, y)
	}
	return op.Apply(newLinearNet[float64](s1, s2, sx), spec, w1, w2, x, y)
}

// linearNet is the module (w1, w2, x, y) -> loss. Forward stores the products that Backward needs.
type linearNet[T op.Float] struct {
	w1, w2, x              tensor.Shape
	hidden, residual, back matrix[T] // w2·x, w1·w2·x - y and w1ᵀ·residual
}

func newLinearNet[T op.Float](w1, w2, x tensor.Shape) op.Module[T] {
	empty := func(rows, cols int) matrix[T] {
		return matrix[T]{tensor.Shape{rows, cols}, make([]T, rows*cols)}
	}
	return &linearNet[T]{w1, w2, x, empty(w2[0], x[1]), empty(w1[0], x[1]), empty(w2[0], x[1])}
}

func (m *linearNet[T]) Forward(out []T, in [][]T) {
	w1, w2, x := matrix[T]{m.w1, in[0]}, matrix[T]{m.w2, in[1]}, matrix[T]{m.x, in[2]}
	multiply(1, blas.NoTrans, w2, blas.NoTrans, x, m.hidden)
	multiply(1, blas.NoTrans, w1, blas.NoTrans, m.hidden, m.residual)
	sum := 0.0
	for i, y := range in[3] {
		m.residual.data[i] -= y
		d := float64(m.residual.data[i])
		sum += float64(d * d) // not fused
	}
	out[0] = T(sum)
}

func (m *linearNet[T]) Backward(grads, in [][]T, _, dout []T) {
	w1, x := matrix[T]{m.w1, in[0]}, matrix[T]{m.x, in[2]}
	factor := 2 * dout[0]
	multiply(factor, blas.NoTrans, m.residual, blas.Trans, m.hidden, matrix[T]{m.w1, grads[0]})
	multiply(1, blas.Trans, w1, blas.NoTrans, m.residual, m.back)
	multiply(factor, blas.NoTrans, m.back, blas.Trans, x, matrix[T]{m.w2, grads[1]})
}

type matrix[T op.Float] struct {
	shape tensor.Shape
	data  []T
}

// multiply sets c to alpha·op(a)·op(b).
func multiply[T op.Float](
	alpha T, tA blas.Transpose, a matrix[T], tB blas.Transpose, b, c matrix[T],
) {
	inner := a.shape[1]
	if tA == blas.Trans {
		inner = a.shape[0]
	}
	gemm.General(tA, tB, c.shape[0], c.shape[1], inner,
		alpha, a.data, a.shape[1], b.data, b.shape[1], 0, c.data, c.shape[1])
}
