package l4

import (
	"math"

	"github.com/l4-go/l4/internal/flat"
	"github.com/l4-go/l4/internal/kernel"
	"github.com/l4-go/l4/internal/record"
)

// ownGradient is a direction whose g has its own time scale.
type ownGradient struct {
	*averages
	time           float64
	estimate       vectors // g
	est32          typedEstimate[float32]
	est64          typedEstimate[float64]
	fold, products flat.Pass
}

// newAveraged returns the direction of averages, with its own g if g has another time scale.
func newAveraged(o options, varianceTime, epsilon float64) direction {
	a := newAverages(o.momentumTime, varianceTime, epsilon)
	if o.gradientTime == o.momentumTime {
		return a
	}
	g := &ownGradient{averages: a, time: o.gradientTime, estimate: vectors{number: 3}}
	g.est32.of, g.est64.of = &g.estimate.f32, &g.estimate.f64
	g.fold = flat.Pass{F32: g.est32.fold, F64: g.est64.fold}
	g.products = flat.Pass{F32: g.est32.products, F64: g.est64.products}
	return g
}

// form overwrites the gradients by v, so g is averaged before that and multiplied after it.
func (g *ownGradient) form(m *flat.Model, step int) (dot, square float64, err error) {
	if step == 1 {
		g.estimate.renew(m)
	}
	g.est32.begin(g.time, step)
	g.est64.begin(g.time, step)
	m.Sum(g.fold)
	if _, square, err = g.averages.form(m, step); err != nil {
		return 0, 0, err
	}
	dot, _ = m.Sum(g.products)
	return dot, square, nil
}

func (g *ownGradient) tensorFields(c *record.Codec, m *flat.Model, tensor int) {
	g.averages.tensorFields(c, m, tensor)
	g.estimate.fields(c, m, tensor, "the estimate of the gradient", math.Inf(-1))
}

// typedEstimate are the passes over the tensors of one dtype.
type typedEstimate[T kernel.Float] struct {
	of    *[][]T // by tensor
	decay kernel.Decay[T]
	flush bool // in this step
}

func (e *typedEstimate[T]) begin(time float64, step int) {
	e.decay, e.flush = newDecay[T](time, step), step%kernel.FlushEvery == 0
}

func (e *typedEstimate[T]) fold(p *flat.Part[T]) (_, _ float64) {
	estimates := (*e.of)[p.Tensor][p.Lo : p.Lo+len(p.G)]
	if e.flush {
		kernel.Flush(estimates)
	}
	for i, g := range p.G {
		e.decay.Fold(&estimates[i], g)
	}
	return 0, 0
}

func (e *typedEstimate[T]) products(p *flat.Part[T]) (dot, _ float64) {
	var lanes kernel.Lanes
	for i, g := range (*e.of)[p.Tensor][p.Lo : p.Lo+len(p.G)] {
		lanes.Add(i, float64(g*e.decay.Correct), float64(p.G[i]))
	}
	return lanes.Total(), 0
}

// WithGradientTime sets τg from 1 to 1e6, the time scale in steps of the gradient estimate g in the
// inner product gᵀv. Default τm, which keeps gᵀv from becoming negative, and 10 for an L4. In
// L4Adam and L4Mom another time than τm costs one more word of state a parameter and two more
// passes over it.
func WithGradientTime(tau float64) Option {
	return func(o *options) { o.setTime(&o.gradientTime, "WithGradientTime", tau) }
}
