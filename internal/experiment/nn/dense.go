package nn

import (
	"runtime"
	"sync"

	"github.com/pkg/errors"
	"gonum.org/v1/gonum/blas/gonum"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Dense returns the layer x·w + b for x (batch, inputs), w (inputs, outputs) and b (outputs), rectified if
// so wanted. constant says that x is data, which needs no gradient.
func Dense(x, w, b *G.Node, rectified, constant bool) (*G.Node, error) {
	if x.Dims() != 2 || w.Dims() != 2 || b.Dims() != 1 || x.Shape()[1] != w.Shape()[0] || w.Shape()[1] != b.Shape()[0] {
		return nil, errors.Errorf("nn: dense layer: shapes %v, %v, %v do not fit x·w + b", x.Shape(), w.Shape(), b.Shape())
	}
	s := Spec{Name: "Dense", Shape: tensor.Shape{x.Shape()[0], w.Shape()[1]}}
	if constant {
		s.Constant = []int{0}
	}
	size := denseSize{x.Shape()[0], w.Shape()[0], w.Shape()[1], rectified}
	return apply(s, size, newDense[float32], newDense[float64], x, w, b)
}

type denseSize struct {
	batch, in, out int
	rectified      bool
}

type dense[T Float] struct {
	denseSize
	masked, transposed []T // the gradient of the layer, and the weights
}

func newDense[T Float](s denseSize) Module[T] {
	return &dense[T]{s, make([]T, s.batch*s.out), make([]T, s.in*s.out)}
}

func (m *dense[T]) Forward(out []T, in [][]T) {
	for rows := out; len(rows) > 0; {
		rows = rows[copy(rows, in[2]):]
	}
	addRows(false, in[0], in[1], out, m.in, m.out)
	if m.rectified {
		for i, x := range out {
			out[i] = max(x, 0)
		}
	}
}

func (m *dense[T]) Backward(grads, in [][]T, out, dout []T) {
	if m.rectified {
		mask(m.masked, out, dout)
		dout = m.masked
	}
	if grads[0] != nil {
		transpose(m.transposed, in[1], m.in, m.out)
		clear(grads[0])
		addRows(false, dout, m.transposed, grads[0], m.out, m.in)
	}
	clear(grads[1])
	addRows(true, in[0], dout, grads[1], m.batch, m.out)
	columnSums(grads[2], dout)
}

func mask[T Float](out, rectified, grads []T) {
	for i, g := range grads {
		on := 0
		if rectified[i] > 0 {
			on = 1
		}
		out[i] = [2]T{0, g}[on] // no branch, which would be mispredicted often
	}
}

func columnSums[T Float](sums, rows []T) {
	clear(sums)
	for ; len(rows) > 0; rows = rows[len(sums):] {
		for i, x := range rows[:len(sums)] {
			sums[i] += x
		}
	}
}

const (
	blockRows    = 64      // of b, which are to stay in the cache
	parallelWork = 1 << 22 // multiplications from which on goroutines are worth their start
)

// addRows adds op(a)·b to c, where b has the shape (inner, cols). It adds multiples of whole rows of b, except
// those by zero: four fifths of the pixels of MNIST are zero, and half of what a rectifier returns. The bits of
// the result do not depend on how many goroutines share the rows of c.
func addRows[T Float](transposed bool, a, b, c []T, inner, cols int) {
	var axpy func(n int, alpha T, x []T, incX int, y []T, incY int)
	switch f := any(&axpy).(type) {
	case *func(n int, alpha float32, x []float32, incX int, y []float32, incY int):
		*f = gonum.Implementation{}.Saxpy
	case *func(n int, alpha float64, x []float64, incX int, y []float64, incY int):
		*f = gonum.Implementation{}.Daxpy
	}
	rows := len(c) / cols
	nextRow, nextCol := inner, 1
	if transposed {
		nextRow, nextCol = 1, rows
	}
	add := func(from, to int) {
		for block := 0; block < inner; block += blockRows {
			end := min(block+blockRows, inner)
			for i := from; i < to; i++ {
				row := c[i*cols : (i+1)*cols]
				for l := block; l < end; l++ {
					if x := a[i*nextRow+l*nextCol]; x != 0 {
						axpy(cols, x, b[l*cols:(l+1)*cols], 1, row, 1)
					}
				}
			}
		}
	}
	if rows*inner*cols < parallelWork {
		add(0, rows)
		return
	}
	var done sync.WaitGroup
	procs := runtime.GOMAXPROCS(0)
	for p := 1; p < procs; p++ {
		done.Go(func() { add(p*rows/procs, (p+1)*rows/procs) })
	}
	add(0, rows/procs)
	done.Wait()
}

func transpose[T Float](out, in []T, rows, cols int) {
	for i := range rows {
		for j, x := range in[i*cols : (i+1)*cols] {
			out[j*rows+i] = x
		}
	}
}
