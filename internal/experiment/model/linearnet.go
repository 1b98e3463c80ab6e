package model

import (
	"fmt"
	"hash"

	"github.com/chewxy/hm"
	"github.com/pkg/errors"
	"gonum.org/v1/gonum/blas"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// LinearNetLoss returns ‖w1·w2·x - y‖², summed over all elements, of a linear net of two layers. It has
// gradients with respect to w1 and w2; x and y are constants.
//
// With the matrices of the regression the overhead of Gorgonia's operations exceeds their arithmetic by far.
func LinearNetLoss(w1, w2, x, y *G.Node) (*G.Node, error) {
	for _, n := range []*G.Node{w1, w2, x, y} {
		if n.Dims() != 2 {
			return nil, errors.Errorf("linear net: %v has the shape %v, want a matrix", n, n.Shape())
		}
	}
	s1, s2, sx, sy := w1.Shape(), w2.Shape(), x.Shape(), y.Shape()
	if s1[1] != s2[0] || s2[1] != sx[0] || s1[0] != sy[0] || sx[1] != sy[1] {
		return nil, errors.Errorf("linear net: shapes %v, %v, %v do not multiply to %v", s1, s2, sx, sy)
	}
	return G.ApplyOp(new(linearNetLoss), w1, w2, x, y)
}

// linearNetLoss is the operation (w1, w2, x, y) -> loss. It keeps what the gradients need.
type linearNetLoss struct {
	op
	hidden, residual *tensor.Dense // w2·x and w1·w2·x - y
}

// linearNetDiff is its gradient with respect to w1 or w2, (w1, x, loss, gradient of the loss) -> gradient. The
// loss is an input so that it is computed before.
type linearNetDiff struct {
	op
	wrt       int // 0 for w1, 1 for w2
	of        *linearNetLoss
	back, out *tensor.Dense // w1ᵀ·residual and the gradient
}

var (
	_ G.SDOp = (*linearNetLoss)(nil)
	_ G.Op   = (*linearNetDiff)(nil)
)

func (*linearNetLoss) Arity() int              { return 4 }
func (*linearNetLoss) String() string          { return "LinearNetLoss" }
func (o *linearNetLoss) WriteHash(h hash.Hash) { fmt.Fprintf(h, "%v %p", o, o) }
func (o *linearNetLoss) Hashcode() uint32      { return hashcode(o) }
func (*linearNetLoss) Type() hm.Type {
	a := hm.TypeVariable('a')
	m := G.TensorType{Dims: 2, Of: a}
	return hm.NewFnType(m, m, m, m, a)
}
func (*linearNetLoss) InferShape(...G.DimSizer) (tensor.Shape, error) {
	return tensor.ScalarShape(), nil
}
func (*linearNetLoss) DiffWRT(int) []bool { return []bool{true, true, false, false} }
func (o *linearNetLoss) SymDiff(inputs G.Nodes, loss, grad *G.Node) (G.Nodes, error) {
	grads := make(G.Nodes, len(inputs))
	for i := range 2 {
		var err error
		if grads[i], err = G.ApplyOp(&linearNetDiff{wrt: i, of: o}, inputs[0], inputs[2], loss, grad); err != nil {
			return nil, err
		}
	}
	return grads, nil
}

func (o *linearNetLoss) Do(inputs ...G.Value) (G.Value, error) {
	in, err := rowMajor(o, inputs...)
	if err != nil {
		return nil, err
	}
	w1, w2, x, y := in[0], in[1], in[2], in[3]
	dt, samples := x.Dtype(), x.Shape()[1]
	gemm(1, blas.NoTrans, w2, blas.NoTrans, x, 0, reuse(&o.hidden, dt, w2.Shape()[0], samples))
	gemm(1, blas.NoTrans, w1, blas.NoTrans, o.hidden, 0, reuse(&o.residual, dt, w1.Shape()[0], samples))
	if dt == tensor.Float32 {
		return newScalar(dt, squaredDistance(o.residual.Float32s(), y.Float32s())), nil
	}
	return newScalar(dt, squaredDistance(o.residual.Float64s(), y.Float64s())), nil
}

func (*linearNetDiff) Arity() int              { return 4 }
func (o *linearNetDiff) String() string        { return fmt.Sprintf("LinearNetDiff%d", o.wrt) }
func (o *linearNetDiff) WriteHash(h hash.Hash) { fmt.Fprintf(h, "%v %p", o, o) }
func (o *linearNetDiff) Hashcode() uint32      { return hashcode(o) }
func (*linearNetDiff) Type() hm.Type {
	a := hm.TypeVariable('a')
	m := G.TensorType{Dims: 2, Of: a}
	return hm.NewFnType(m, m, a, a, m)
}
func (o *linearNetDiff) InferShape(inputs ...G.DimSizer) (tensor.Shape, error) {
	w1, x := inputs[0].(tensor.Shape), inputs[1].(tensor.Shape)
	return []tensor.Shape{w1.Clone(), {w1[1], x[0]}}[o.wrt], nil
}

func (o *linearNetDiff) Do(inputs ...G.Value) (G.Value, error) {
	in, err := rowMajor(o, inputs[:2]...)
	if err != nil {
		return nil, err
	}
	grad, err := scalar(inputs[3])
	if err != nil {
		return nil, err
	}
	w1, x := in[0], in[1]
	dt, hidden, samples := x.Dtype(), w1.Shape()[1], x.Shape()[1]
	if o.wrt == 0 {
		gemm(2*grad, blas.NoTrans, o.of.residual, blas.Trans, o.of.hidden, 0, reuse(&o.out, dt, w1.Shape()...))
		return o.out, nil
	}
	gemm(1, blas.Trans, w1, blas.NoTrans, o.of.residual, 0, reuse(&o.back, dt, hidden, samples))
	gemm(2*grad, blas.NoTrans, o.back, blas.Trans, x, 0, reuse(&o.out, dt, hidden, x.Shape()[0]))
	return o.out, nil
}

// squaredDistance subtracts ys from xs and returns the sum of the squares.
func squaredDistance[T float32 | float64](xs, ys []T) float64 {
	sum := 0.0
	for i, y := range ys {
		xs[i] -= y
		d := float64(xs[i])
		sum += float64(d * d) // not fused
	}
	return sum
}
