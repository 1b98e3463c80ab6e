package stress

import (
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/blas"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/experiment/gemm"
	"github.com/l4-go/l4/internal/op"
)

// float is the dtype of a net.
type float interface{ float32 | float64 }

// layer is a differentiable function of a batch of n rows.
type layer[T float] interface {
	// forward returns n rows of outputs, valid until the next call.
	forward(x []T, n int) []T
	// backward sets the parameters' gradients, given the gradient with respect to the outputs of
	// the last forward, and returns the gradient with respect to its inputs.
	backward(dy []T) []T
	params() []*param[T]
}

// net is a chain of layers.
type net[T float] []layer[T]

func (l net[T]) forward(x []T, n int) []T {
	for _, l := range l {
		x = l.forward(x, n)
	}
	return x
}

func (l net[T]) backward(dy []T) {
	for _, l := range slices.Backward(l) {
		dy = l.backward(dy)
	}
}

func (l net[T]) params() (ps []*param[T]) {
	for _, l := range l {
		ps = append(ps, l.params()...)
	}
	return ps
}

// param is a tensor of weights with its gradient, in row-major order. It implements
// gorgonia.ValueGrad.
type param[T float] struct {
	w, g        []T
	value, grad *tensor.Dense // tensors over w and g
}

func newParam[T float](shape ...int) *param[T] {
	n := tensor.Shape(shape).TotalSize()
	p := &param[T]{w: make([]T, n), g: make([]T, n)}
	p.value = tensor.New(tensor.WithShape(shape...), tensor.WithBacking(p.w))
	p.grad = tensor.New(tensor.WithShape(shape...), tensor.WithBacking(p.g))
	return p
}

func (p *param[T]) Value() gorgonia.Value         { return p.value }
func (p *param[T]) Grad() (gorgonia.Value, error) { return p.grad, nil }

// normal fills the weights with normal numbers of the given standard deviation.
func (p *param[T]) normal(r *rand.Rand, std float64) {
	op.Fill(p.value, func() float64 { return std * r.NormFloat64() })
}

// dense is the layer x·W + b.
type dense[T float] struct {
	in, out int
	w, b    *param[T]
	first   bool // whether the gradient with respect to x is not needed

	n        int
	x, y, dx []T
}

// newDense returns a dense layer. Its weights are normal with the given standard deviation, and its
// biases are 0.
func newDense[T float](r *rand.Rand, in, out int, std float64) *dense[T] {
	d := &dense[T]{in: in, out: out, w: newParam[T](in, out), b: newParam[T](out)}
	d.w.normal(r, std)
	return d
}

func (d *dense[T]) params() []*param[T] { return []*param[T]{d.w, d.b} }

func (d *dense[T]) forward(x []T, n int) []T {
	d.n, d.x, d.y = n, x, sized(d.y, n*d.out)
	repeat(d.y, d.b.w)
	multiply(blas.NoTrans, blas.NoTrans, n, d.out, d.in, x, d.in, d.w.w, d.out, d.y)
	return d.y
}

func (d *dense[T]) backward(dy []T) []T {
	clear(d.w.g)
	multiply(blas.Trans, blas.NoTrans, d.in, d.out, d.n, d.x, d.in, dy, d.out, d.w.g)
	sumRows(d.b.g, dy)
	if d.first {
		return nil
	}
	d.dx = sized(d.dx, d.n*d.in)
	clear(d.dx)
	multiply(blas.NoTrans, blas.Trans, d.n, d.in, d.out, dy, d.out, d.w.w, d.out, d.dx)
	return d.dx
}

// activation applies a function to each element. slope is the derivative of f as a function of its
// value y.
type activation[T float] struct {
	f     func(T) T
	slope func(y T) T
	y     []T
}

func newReLU[T float]() layer[T] {
	return &activation[T]{
		f: func(x T) T { return max(x, 0) },
		slope: func(y T) T {
			if y > 0 {
				return 1
			}
			return 0
		},
	}
}

func newTanh[T float]() layer[T] {
	return &activation[T]{
		f:     func(x T) T { return T(math.Tanh(float64(x))) },
		slope: func(y T) T { return 1 - y*y },
	}
}

func (a *activation[T]) params() []*param[T] { return nil }

func (a *activation[T]) forward(x []T, _ int) []T {
	a.y = sized(a.y, len(x))
	for i, x := range x {
		a.y[i] = a.f(x)
	}
	return a.y
}

func (a *activation[T]) backward(dy []T) []T {
	for i, y := range a.y {
		dy[i] *= a.slope(y)
	}
	return dy
}

// batchNorm normalizes each column to mean 0 and variance 1 over the batch, also in tests. The
// scale of the weights of the layer before has no effect.
type batchNorm[T float] struct {
	n     int
	y, dx []T
	scale []T // 1/deviation of each column
}

func (b *batchNorm[T]) params() []*param[T] { return nil }

func (b *batchNorm[T]) forward(x []T, n int) []T {
	width := len(x) / n
	b.n, b.y, b.scale = n, sized(b.y, len(x)), sized(b.scale, width)
	for j := range width {
		mean, square := 0.0, 1e-5
		for i := j; i < len(x); i += width {
			mean += float64(x[i]) / float64(n)
		}
		for i := j; i < len(x); i += width {
			d := float64(x[i]) - mean
			square += d * d / float64(n)
		}
		scale := 1 / math.Sqrt(square)
		for i := j; i < len(x); i += width {
			b.y[i] = T((float64(x[i]) - mean) * scale)
		}
		b.scale[j] = T(scale)
	}
	return b.y
}

func (b *batchNorm[T]) backward(dy []T) []T {
	width := len(b.scale)
	b.dx = sized(b.dx, len(dy))
	for j := range width {
		var mean, dot T
		for i := j; i < len(dy); i += width {
			mean += dy[i] / T(b.n)
			dot += dy[i] * b.y[i] / T(b.n)
		}
		for i := j; i < len(dy); i += width {
			b.dx[i] = b.scale[j] * (dy[i] - mean - b.y[i]*dot)
		}
	}
	return b.dx
}

// multiply adds op(A)·op(B) to C, for op(A) of m rows and k columns and C of m rows and n columns.
func multiply[T float](tA, tB blas.Transpose, m, n, k int, a []T, lda int, b []T, ldb int, c []T) {
	gemm.General(tA, tB, m, n, k, 1, a, lda, b, ldb, 1, c, n)
}

// repeat fills y with copies of row.
func repeat[T float](y, row []T) {
	for ; len(y) > 0; y = y[len(row):] {
		copy(y, row)
	}
}

// sumRows sets sum to the sum of the rows of y.
func sumRows[T float](sum, y []T) {
	clear(sum)
	for ; len(y) > 0; y = y[len(sum):] {
		for j, v := range y[:len(sum)] {
			sum[j] += v
		}
	}
}

// sized returns a slice of n elements. It uses the memory of s if that is large enough.
func sized[T float](s []T, n int) []T { return slices.Grow(s[:0], n)[:n] }
