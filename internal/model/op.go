package model

import (
	"hash/fnv"

	"github.com/pkg/errors"
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
	"gonum.org/v1/gonum/blas/blas64"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// op is what operations that own their output have in common. One that keeps memory between runs belongs to
// one node: its hash holds its address, as Gorgonia merges operations of one hash.
type op struct{}

func (op) ReturnsPtr() bool     { return false }
func (op) CallsExtern() bool    { return false }
func (op) OverwritesInput() int { return -1 }

func hashcode(o G.Op) uint32 {
	h := fnv.New32a()
	o.WriteHash(h)
	return h.Sum32()
}

// rowMajor returns the values as tensors whose memory can be used directly.
func rowMajor(o G.Op, values ...G.Value) ([]*tensor.Dense, error) {
	ts := make([]*tensor.Dense, len(values))
	for i, v := range values {
		t, ok := v.(*tensor.Dense)
		if !ok || t.RequiresIterator() || !t.DataOrder().IsRowMajor() {
			return nil, errors.Errorf("%v: input %d is a %T, want a row-major tensor", o, i, v)
		}
		ts[i] = t
	}
	return ts, nil
}

// reuse makes sure that t has the shape and dtype of an output. Its contents are then arbitrary.
func reuse(t **tensor.Dense, dt tensor.Dtype, shape ...int) *tensor.Dense {
	if *t == nil || !(*t).Shape().Eq(shape) || (*t).Dtype() != dt {
		*t = tensor.New(tensor.WithShape(shape...), tensor.Of(dt))
	}
	return *t
}

// gemm sets c to alpha·op(a)·op(b) + beta·c for row-major matrices.
func gemm(alpha float64, tA blas.Transpose, a *tensor.Dense, tB blas.Transpose, b *tensor.Dense, beta float64, c *tensor.Dense) {
	if c.Dtype() == tensor.Float32 {
		m := func(t *tensor.Dense) blas32.General {
			return blas32.General{Rows: t.Shape()[0], Cols: t.Shape()[1], Stride: t.Shape()[1], Data: t.Float32s()}
		}
		blas32.Gemm(tA, tB, float32(alpha), m(a), m(b), float32(beta), m(c))
		return
	}
	m := func(t *tensor.Dense) blas64.General {
		return blas64.General{Rows: t.Shape()[0], Cols: t.Shape()[1], Stride: t.Shape()[1], Data: t.Float64s()}
	}
	blas64.Gemm(tA, tB, alpha, m(a), m(b), beta, m(c))
}

// scalar returns the number that a scalar holds.
func scalar(v G.Value) (float64, error) {
	switch x := v.(type) {
	case *G.F32:
		return float64(*x), nil
	case *G.F64:
		return float64(*x), nil
	}
	return 0, errors.Errorf("%T is no scalar of floats", v)
}

// newScalar returns a scalar of the given dtype.
func newScalar(dt tensor.Dtype, x float64) G.Value {
	if dt == tensor.Float32 {
		return G.NewF32(float32(x))
	}
	return G.NewF64(x)
}
