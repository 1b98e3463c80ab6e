package l4

import (
	"math"

	"github.com/l4-go/l4/internal/flat"
	"github.com/l4-go/l4/internal/kernel"
)

// move is the end of a step: w ← (1−λ)·w − η·v, and zero gradients.
type move struct {
	decay  float64 // λ
	eta    float64
	update flat.Pass
}

func newMove(decay float64) *move {
	m := &move{decay: decay}
	m.update = flat.Pass{
		F32: func(p flat.Part[float32]) (_, _ float64) { return movePart(m, p, kernel.Float32, math.MaxFloat32) },
		F64: func(p flat.Part[float64]) (_, _ float64) { return movePart(m, p, kernel.Float64, math.MaxFloat64) },
	}
	return m
}

func (m *move) step(model *flat.Model, eta float64) {
	m.eta = eta
	model.Sum(m.update)
	model.Commit()
}

func movePart[T kernel.Float](m *move, p flat.Part[T], passes kernel.Passes[T], largest float64) (_, _ float64) {
	if m.decay > 0 {
		keep := T(1 - m.decay)
		for i, w := range p.W {
			p.W[i] = w * keep
		}
	}
	eta := T(max(-largest, min(m.eta, largest)))
	if eta == 0 {
		clear(p.G) // v may be infinite, and 0 times that is no step
		return 0, 0
	}
	passes.Update(p.W, p.G, eta)
	return 0, 0
}

// WithWeightDecay multiplies all weights by 1−λ, 0 <= λ < 1, in each step, just before −η·v is added. It is
// decoupled from the loss as in AdamW (I. Loshchilov and F. Hutter, ICLR 2019): neither gradients nor inner
// product contain it. It is also decoupled from η, which in L4 spans orders of magnitude. Implementations of
// AdamW multiply λ by the learning rate: their λ of 0.01 at a rate of 1e-3 is 1e-5 here. Default 0. In
// float32, 1−λ is 1 for a λ below 3e-8.
//
// WithL2Reg changes what is minimised, and the loss converges to the minimum of that. WithWeightDecay keeps
// small the weights that the loss does not hold in place, and the loss itself stays above its minimum.
func WithWeightDecay(lambda float64) Option {
	return func(o *options) {
		o.set(&o.weightDecay, "WithWeightDecay", lambda, 0 <= lambda && lambda < 1, "a number from 0 to below 1")
	}
}
