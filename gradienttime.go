package l4

import (
	"math"

	"github.com/l4-go/l4/internal/flat"
	"github.com/l4-go/l4/internal/kernel"
	"github.com/l4-go/l4/internal/record"
)

// ownGradient is the direction of averages with a separate running average for g, whose time scale
// is not the momentum's.
type ownGradient struct {
	*averages
	time           float64      // τg in steps
	estimate       flat.Vectors // g
	decay          kernel.Decay[float64]
	fold, products flat.Pass
}

// newAveraged returns the direction of L4Mom and L4Adam: an ownGradient if τg differs from τm,
// otherwise an averages.
func newAveraged(o options, varianceTime, epsilon float64) direction {
	a := newAverages(o.momentumTime, varianceTime, epsilon)
	if o.gradientTime == o.momentumTime {
		return a
	}
	g := &ownGradient{averages: a, time: o.gradientTime, estimate: flat.Vectors{Number: 3}}
	g.fold = flat.NewPass(g, fold[float32], fold[float64])
	g.products = flat.NewPass(g, products[float32], products[float64])
	return g
}

// form updates g before direct replaces the gradients by v, and computes gᵀv afterwards.
func (g *ownGradient) form(m *flat.Model, step int) (dot, square float64, err error) {
	if step == 1 {
		g.estimate.Renew(m)
	}
	g.begin(m, step)
	g.decay = newDecay(g.time, step)
	m.Sum(g.fold)
	_, square = m.Sum(g.direct)
	dot, _ = m.Sum(g.products)
	return dot, square, nil
}

func (g *ownGradient) tensorFields(c *record.Codec, m *flat.Model, tensor int) {
	g.averages.tensorFields(c, m, tensor)
	g.estimate.Fields(c, m, tensor, "the estimate of the gradient", math.Inf(-1))
}

// fold updates g.
func fold[T kernel.Float](g *ownGradient, p *flat.Part[T]) (_, _ float64) {
	estimates, decay := flat.Elements(&g.estimate, p), kernel.DecayOf[T](g.decay)
	if g.flush {
		kernel.Flush(estimates)
	}
	for i, x := range p.G {
		decay.Fold(&estimates[i], x)
	}
	return 0, 0
}

// products returns gᵀv.
func products[T kernel.Float](g *ownGradient, p *flat.Part[T]) (dot, _ float64) {
	var lanes kernel.Lanes
	correct := T(g.decay.Correct)
	for i, x := range flat.Elements(&g.estimate, p) {
		lanes.Add(i, float64(x*correct), float64(p.G[i]))
	}
	return lanes.Total(), 0
}

// WithGradientTime sets τg, the time scale in steps of the estimate g in gᵀv: the decay factor of
// its running average is 1−1/τg. From 1 to 1e6. The default of L4Adam and L4Mom is τm, which keeps
// gᵀv from becoming negative; the default of an L4 is 10. Use it to measure gᵀv with a newer or a
// smoother estimate of the gradient than the momentum. If τg differs from τm, L4Adam and L4Mom keep
// one more number per weight and make two more passes over the weights.
func WithGradientTime(tau float64) Option { return option("WithGradientTime", tau) }
