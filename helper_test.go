package l4_test

import (
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
)

// stepper is either solver.
type stepper interface {
	gorgonia.Solver
	Last() l4.Info
}

type newSolver = func(loss gorgonia.Valuer, opts ...l4.Option) stepper

// solvers are the ones that every table of tests goes through.
var solvers = map[string]newSolver{
	"L4Adam": func(loss gorgonia.Valuer, opts ...l4.Option) stepper { return l4.NewL4Adam(loss, opts...) },
	"L4Mom":  func(loss gorgonia.Valuer, opts ...l4.Option) stepper { return l4.NewL4Mom(loss, opts...) },
}

var dtypes = []tensor.Dtype{tensor.Float32, tensor.Float64}

// valuer is a loss that a test sets by hand.
type valuer struct{ v gorgonia.Value }

func (v valuer) Value() gorgonia.Value { return v.v }

// param is a gorgonia.ValueGrad outside any graph.
type param struct {
	name string
	w, g gorgonia.Value
	err  error
}

func (p *param) Name() string                  { return p.name }
func (p *param) Value() gorgonia.Value         { return p.w }
func (p *param) Grad() (gorgonia.Value, error) { return p.g, p.err }

// backing converts to a slice of the dtype.
func backing(dt tensor.Dtype, xs []float64) any {
	if dt == tensor.Float64 {
		return append([]float64{}, xs...)
	}
	ys := make([]float32, len(xs))
	for i, x := range xs {
		ys[i] = float32(x)
	}
	return ys
}

func newParam(name string, dt tensor.Dtype, shape []int, w []float64) *param {
	return &param{
		name: name,
		w:    tensor.New(tensor.WithShape(shape...), tensor.WithBacking(backing(dt, w))),
		g:    tensor.New(tensor.WithShape(shape...), tensor.Of(dt)),
	}
}

func newScalar(dt tensor.Dtype) gorgonia.Value {
	if dt == tensor.Float64 {
		return gorgonia.NewF64(0)
	}
	return gorgonia.NewF32(0)
}

// setGrad and setWeight set the elements in row-major order.
func (p *param) setGrad(xs []float64)   { setNumbers(p.g, xs) }
func (p *param) setWeight(xs []float64) { setNumbers(p.w, xs) }

func setNumbers(v gorgonia.Value, xs []float64) {
	eachNumber(v, func(x *float64) { *x, xs = xs[0], xs[1:] })
}

// numbers returns the elements of a value in row-major order.
func numbers(v gorgonia.Value) []float64 {
	var xs []float64
	eachNumber(v, func(x *float64) { xs = append(xs, *x) })
	return xs
}

// eachNumber calls f for each element in row-major order and stores what f makes of it.
func eachNumber(v gorgonia.Value, f func(x *float64)) {
	switch v := v.(type) {
	case *gorgonia.F64:
		f((*float64)(v))
		return
	case *gorgonia.F32:
		x := float64(*v)
		f(&x)
		*v = gorgonia.F32(x)
		return
	}
	d := v.(*tensor.Dense)
	shape, strides := d.Shape(), d.Strides()
	var visit func(axis, at int)
	visit = func(axis, at int) {
		if axis < len(shape) {
			for i := range shape[axis] {
				visit(axis+1, at+i*strides[axis])
			}
			return
		}
		if d.Dtype() == tensor.Float64 {
			f(&d.Float64s()[at])
			return
		}
		x := float64(d.Float32s()[at])
		f(&x)
		d.Float32s()[at] = float32(x)
	}
	visit(0, 0)
}
