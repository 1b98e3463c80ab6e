package l4_test

import (
	"encoding/json"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
)

// stepper is either solver.
type stepper interface {
	gorgonia.Solver
	Last() l4.Info
}

// did returns what Last does, but for the number of refused steps.
func did(s stepper) l4.Info {
	info := s.Last()
	info.Refused = 0
	return info
}

type newSolver = func(loss gorgonia.Valuer, opts ...l4.Option) stepper

// solvers are the ones that every table of tests goes through.
var solvers = map[string]newSolver{
	"L4Adam": func(loss gorgonia.Valuer, opts ...l4.Option) stepper {
		return l4.NewL4Adam(loss, opts...)
	},
	"L4Mom": func(loss gorgonia.Valuer, opts ...l4.Option) stepper {
		return l4.NewL4Mom(loss, opts...)
	},
	"L4": func(loss gorgonia.Valuer, opts ...l4.Option) stepper {
		return l4.New(loss, &heavyBall{rate: 0.1}, opts...)
	},
}

// heavyBall is a solver such as a user may write, for tensors alone. It can be saved and does not
// allocate after its first step.
type heavyBall struct {
	rate     float64
	velocity [][]float64
}

func (h *heavyBall) Step(model []gorgonia.ValueGrad) error {
	for i, p := range model {
		grad, err := p.Grad()
		if err != nil {
			return err
		}
		w, g := p.Value().(*tensor.Dense), grad.(*tensor.Dense)
		if w.Dtype() == tensor.Float32 {
			heavyBallStep(h, i, w.Float32s(), g.Float32s())
		} else {
			heavyBallStep(h, i, w.Float64s(), g.Float64s())
		}
	}
	return nil
}

func heavyBallStep[T float32 | float64](h *heavyBall, i int, w, g []T) {
	if i == len(h.velocity) {
		h.velocity = append(h.velocity, make([]float64, len(w)))
	}
	v := h.velocity[i]
	for k := range w {
		v[k] = 0.9*v[k] + float64(g[k])
		w[k] -= T(h.rate * v[k])
	}
}

func (h *heavyBall) MarshalBinary() ([]byte, error) { return json.Marshal(h.velocity) }
func (h *heavyBall) UnmarshalBinary(b []byte) error { return json.Unmarshal(b, &h.velocity) }

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
	if len(strides) != len(shape) { // a column-major row or column
		shape, strides = tensor.Shape{shape.TotalSize()}, []int{1}
	}
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
