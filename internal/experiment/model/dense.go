package model

import (
	"github.com/pkg/errors"
	"gonum.org/v1/gonum/blas"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Dense returns the layer x·w + b for x (batch, inputs), w (inputs, outputs) and b (outputs), rectified if
// so wanted.
func Dense(x, w, b *G.Node, rectified bool) (*G.Node, error) {
	if x.Dims() != 2 || w.Dims() != 2 || b.Dims() != 1 || x.Shape()[1] != w.Shape()[0] || w.Shape()[1] != b.Shape()[0] {
		return nil, errors.Errorf("dense layer: shapes %v, %v, %v do not fit x·w + b", x.Shape(), w.Shape(), b.Shape())
	}
	d := &dense{rectified: rectified}
	d.tensorOp = tensorOp{
		name: "Dense", dims: []int{2, 2, 1, 2}, do: d.forward,
		shape: func(in []tensor.Shape) tensor.Shape { return tensor.Shape{in[0][0], in[1][1]} },
	}
	return G.ApplyOp(d, x, w, b)
}

// dense is the operation (x, w, b) -> layer.
type dense struct {
	tensorOp
	rectified bool
}

var _ G.SDOp = (*dense)(nil)

func (*dense) DiffWRT(int) []bool { return []bool{true, true, true} }

func (d *dense) SymDiff(inputs G.Nodes, output, grad *G.Node) (G.Nodes, error) {
	x, w := inputs[0], inputs[1]
	if d.rectified {
		var err error
		if grad, err = G.ApplyOp(newRectifyDiff(), output, grad); err != nil {
			return nil, err
		}
	}
	dx, err := G.ApplyOp(newInputDiff(), grad, w)
	if err != nil {
		return nil, err
	}
	dw, err := G.ApplyOp(newWeightDiff(), x, grad)
	if err != nil {
		return nil, err
	}
	db, err := G.ApplyOp(newColumnSums(), grad)
	return G.Nodes{dx, dw, db}, err
}

func (d *dense) forward(out *tensor.Dense, in []*tensor.Dense) {
	x, w, b := in[0], in[1], in[2]
	if out.Dtype() == tensor.Float32 {
		repeat(out.Float32s(), b.Float32s())
	} else {
		repeat(out.Float64s(), b.Float64s())
	}
	product(blas.NoTrans, x, w, 1, out)
	switch {
	case !d.rectified:
	case out.Dtype() == tensor.Float32:
		rectify(out.Float32s())
	default:
		rectify(out.Float64s())
	}
}

// newInputDiff returns the operation (gradient of the layer, w) -> gradient of x, which is gradient·wᵀ.
func newInputDiff() *tensorOp {
	var transposed *tensor.Dense
	return &tensorOp{
		name: "DenseInputDiff", dims: []int{2, 2, 2},
		shape: func(in []tensor.Shape) tensor.Shape { return tensor.Shape{in[0][0], in[1][0]} },
		do: func(out *tensor.Dense, in []*tensor.Dense) {
			grad, w := in[0], in[1]
			if !pureGo() {
				gemm(1, blas.NoTrans, grad, blas.Trans, w, 0, out)
				return
			}
			rows, cols := w.Shape()[0], w.Shape()[1]
			wT := reuse(&transposed, w.Dtype(), cols, rows)
			if w.Dtype() == tensor.Float32 {
				transpose(wT.Float32s(), w.Float32s(), rows, cols)
			} else {
				transpose(wT.Float64s(), w.Float64s(), rows, cols)
			}
			product(blas.NoTrans, grad, wT, 0, out)
		},
	}
}

// newWeightDiff returns the operation (x, gradient of the layer) -> gradient of w, which is xᵀ·gradient.
func newWeightDiff() *tensorOp {
	return &tensorOp{
		name: "DenseWeightDiff", dims: []int{2, 2, 2},
		shape: func(in []tensor.Shape) tensor.Shape { return tensor.Shape{in[0][1], in[1][1]} },
		do: func(out *tensor.Dense, in []*tensor.Dense) {
			product(blas.Trans, in[0], in[1], 0, out)
		},
	}
}

// newRectifyDiff returns the operation (rectified, gradient) -> gradient where rectified is above 0, else 0.
func newRectifyDiff() *tensorOp {
	return &tensorOp{
		name: "RectifyDiff", dims: []int{2, 2, 2}, shape: func(in []tensor.Shape) tensor.Shape { return in[0] },
		do: func(out *tensor.Dense, in []*tensor.Dense) {
			if out.Dtype() == tensor.Float32 {
				mask(out.Float32s(), in[0].Float32s(), in[1].Float32s())
			} else {
				mask(out.Float64s(), in[0].Float64s(), in[1].Float64s())
			}
		},
	}
}

// newColumnSums returns the operation matrix -> sums of its columns.
func newColumnSums() *tensorOp {
	return &tensorOp{
		name: "ColumnSums", dims: []int{2, 1}, shape: func(in []tensor.Shape) tensor.Shape { return in[0][1:] },
		do: func(out *tensor.Dense, in []*tensor.Dense) {
			if out.Dtype() == tensor.Float32 {
				columnSums(out.Float32s(), in[0].Float32s())
			} else {
				columnSums(out.Float64s(), in[0].Float64s())
			}
		},
	}
}

// repeat fills rows with copies of one.
func repeat[T float32 | float64](rows, row []T) {
	for len(rows) > 0 {
		rows = rows[copy(rows, row):]
	}
}

func rectify[T float32 | float64](xs []T) {
	for i, x := range xs {
		xs[i] = max(x, 0)
	}
}

func mask[T float32 | float64](out, rectified, grads []T) {
	for i, g := range grads {
		on := 0
		if rectified[i] > 0 {
			on = 1
		}
		out[i] = [2]T{0, g}[on] // no branch, which would be mispredicted often
	}
}

func columnSums[T float32 | float64](sums, rows []T) {
	clear(sums)
	for ; len(rows) > 0; rows = rows[len(sums):] {
		for i, x := range rows[:len(sums)] {
			sums[i] += x
		}
	}
}
