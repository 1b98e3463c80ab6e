package l4

import (
	"math"

	gt "gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/flat"
	"github.com/l4-go/l4/internal/kernel"
	"github.com/l4-go/l4/internal/record"
)

// ownGradient is a direction whose g is a running average of the gradients on a time scale of its own.
type ownGradient struct {
	*averages
	time           float64
	est32          estimate[float32]
	est64          estimate[float64]
	fold, products flat.Pass
}

// newAveraged returns the direction of averages, with a g of its own if that has another time scale.
func newAveraged(o options, varianceTime, epsilon float64) direction {
	a := newAverages(o.momentumTime, varianceTime, epsilon)
	if o.gradientTime == o.momentumTime {
		return a
	}
	g := &ownGradient{averages: a, time: o.gradientTime}
	g.fold = flat.Pass{F32: g.est32.fold, F64: g.est64.fold}
	g.products = flat.Pass{F32: g.est32.products, F64: g.est64.products}
	return g
}

// form overwrites the gradients by v, so g is averaged before that and multiplied after it.
func (g *ownGradient) form(m *flat.Model, step int) (dot float64, err error) {
	if step == 1 {
		g.est32.of, g.est64.of = nil, nil
		for i := range m.Len() {
			g.allocateEstimate(m, i)
		}
	}
	g.est32.begin(g.time, step)
	g.est64.begin(g.time, step)
	m.Sum(g.fold)
	if _, err := g.averages.form(m, step); err != nil {
		return 0, err
	}
	dot, _ = m.Sum(g.products)
	return dot, nil
}

func (g *ownGradient) allocateEstimate(m *flat.Model, tensor int) {
	n := m.Size(tensor)
	var x []float32
	var y []float64
	if m.Dtype(tensor) == gt.Float32 {
		x = kernel.NewVector[float32](n, 3)
	} else {
		y = kernel.NewVector[float64](n, 3)
	}
	g.est32.of, g.est64.of = append(g.est32.of, x), append(g.est64.of, y)
}

func (g *ownGradient) tensorFields(c *record.Codec, m *flat.Model, tensor int) {
	g.averages.tensorFields(c, m, tensor)
	if c.Reading() {
		g.allocateEstimate(m, tensor)
	}
	const what = "the estimate of the gradient"
	record.Vector(c, what, g.est32.of[tensor], -math.MaxFloat32, math.MaxFloat32)
	record.Vector(c, what, g.est64.of[tensor], -math.MaxFloat64, math.MaxFloat64)
}

// estimate is g for the tensors of one element type.
type estimate[T kernel.Float] struct {
	of    [][]T // by tensor; without elements if it is of the other type
	decay kernel.Decay[T]
	flush bool // in this step
}

func (e *estimate[T]) begin(time float64, step int) {
	e.decay, e.flush = newDecay[T](time, step), step%kernel.FlushEvery == 0
}

func (e *estimate[T]) fold(p flat.Part[T]) (_, _ float64) {
	estimates := e.of[p.Tensor][p.Lo : p.Lo+len(p.G)]
	if e.flush {
		kernel.Flush(estimates)
	}
	for i, g := range p.G {
		e.decay.Fold(&estimates[i], g)
	}
	return 0, 0
}

func (e *estimate[T]) products(p flat.Part[T]) (dot, _ float64) {
	var lanes kernel.Lanes
	for i, g := range e.of[p.Tensor][p.Lo : p.Lo+len(p.G)] {
		lanes.Add(i, float64(g*e.decay.Correct), float64(p.G[i]))
	}
	return lanes.Total(), 0
}

// WithGradientTime sets τg from 1 to 1e6, the time scale in steps of the gradient estimate g in the inner
// product gᵀv. Default τm, which keeps gᵀv from becoming negative. Where it differs from τm it costs one more
// word of state a parameter and two more passes over it. An L4 has no momentum of its own but only g, and
// goes by this if both are given.
func WithGradientTime(tau float64) Option {
	return func(o *options) { o.setTime(&o.gradientTime, "WithGradientTime", tau) }
}
