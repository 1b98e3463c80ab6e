package stress

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/blas"
)

// recurrent is a recurrent layer. It starts from h = 0, computes h ← tanh(x·Wx + h·Wh + b) for one
// part x of its input in each time step, and returns the last h.
type recurrent[T float] struct {
	in, units, steps int
	wx, wh, b        *param[T]

	n  int
	x  []T
	h  [][]T // h[t] is h after t time steps; h[0] is 0
	dh []T
	da []T
}

// newRecurrent returns a layer with normal weights of standard deviations 1/√in and 1/√units.
func newRecurrent[T float](r *rand.Rand, in, units, steps int) *recurrent[T] {
	l := &recurrent[T]{in: in, units: units, steps: steps, h: make([][]T, steps+1)}
	l.wx, l.wh, l.b = newParam[T](in, units), newParam[T](units, units), newParam[T](units)
	l.wx.normal(r, 1/math.Sqrt(float64(in)))
	l.wh.normal(r, 1/math.Sqrt(float64(units)))
	return l
}

func (l *recurrent[T]) params() []*param[T] { return []*param[T]{l.wx, l.wh, l.b} }

func (l *recurrent[T]) forward(x []T, n int) []T {
	l.n, l.x = n, x
	for t := range l.h {
		l.h[t] = sized(l.h[t], n*l.units)
	}
	clear(l.h[0])
	for t := range l.steps {
		h := l.h[t+1]
		repeat(h, l.b.w)
		multiply(blas.NoTrans, blas.NoTrans, n, l.units, l.in,
			x[t*l.in:], l.steps*l.in, l.wx.w, l.units, h)
		multiply(blas.NoTrans, blas.NoTrans, n, l.units, l.units,
			l.h[t], l.units, l.wh.w, l.units, h)
		for i, a := range h {
			h[i] = T(math.Tanh(float64(a)))
		}
	}
	return l.h[l.steps]
}

// backward returns nil, because the layer can only be the first of a net.
func (l *recurrent[T]) backward(dy []T) []T {
	for _, p := range l.params() {
		clear(p.g)
	}
	l.dh, l.da = sized(l.dh, len(dy)), sized(l.da, len(dy))
	copy(l.dh, dy)
	for t := l.steps - 1; t >= 0; t-- {
		for i, h := range l.h[t+1] {
			l.da[i] = l.dh[i] * (1 - h*h)
			l.b.g[i%l.units] += l.da[i]
		}
		multiply(blas.Trans, blas.NoTrans, l.in, l.units, l.n,
			l.x[t*l.in:], l.steps*l.in, l.da, l.units, l.wx.g)
		multiply(blas.Trans, blas.NoTrans, l.units, l.units, l.n,
			l.h[t], l.units, l.da, l.units, l.wh.g)
		clear(l.dh)
		multiply(blas.NoTrans, blas.Trans, l.n, l.units, l.units,
			l.da, l.units, l.wh.w, l.units, l.dh)
	}
	return nil
}
