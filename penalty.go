package l4

import (
	"math"

	"github.com/l4-go/l4/internal/flat"
	"github.com/l4-go/l4/internal/kernel"
	"github.com/l4-go/l4/internal/record"
)

// penalty adds l1·‖w‖₁ + l2/2·‖w‖² to the loss, and its gradient to the gradients.
type penalty struct {
	l1, l2     float64
	sums, adds flat.Pass
}

func newPenalty(l1, l2 float64) *penalty {
	p := &penalty{l1: l1, l2: l2}
	p.sums = flat.NewPass(p, penaltySum[float32], penaltySum[float64])
	p.adds = flat.NewPass(p, penaltyAdd[float32], penaltyAdd[float64])
	return p
}

func (p *penalty) measure(m *flat.Model) (float64, error) {
	sum, _ := m.Sum(p.sums)
	return sum, checkNumber("penalty of the weights", sum)
}

func (p *penalty) apply(m *flat.Model)      { m.Sum(p.adds) }
func (*penalty) commit(int) (share float64) { return 1 }
func (*penalty) fields(*record.Codec)       {}

func penaltySum[T kernel.Float](p *penalty, part *flat.Part[T]) (sum, _ float64) {
	l1, l2 := float64(T(p.l1)), float64(T(p.l2))/2
	for _, w := range part.W {
		x := float64(w)
		if l1 > 0 { // 0 times an infinite weight is NaN
			sum += float64(l1 * math.Abs(x))
		}
		if l2 > 0 {
			sum += float64(l2 * float64(x*x))
		}
	}
	return sum, 0
}

func penaltyAdd[T kernel.Float](p *penalty, part *flat.Part[T]) (_, _ float64) {
	l1, l2 := T(p.l1), T(p.l2)
	for i, w := range part.W {
		if l2 > 0 {
			part.G[i] += T(l2 * w)
		}
		switch {
		case w > 0:
			part.G[i] += l1
		case w < 0:
			part.G[i] -= l1
		}
	}
	return 0, 0
}

// WithL2Reg adds λ/2·‖w‖² over all parameters to the loss that steps are computed from, and λ·w to
// the gradients, after clipping. The steps are the same as if the graph added the penalty to the
// loss. At least 0; default 0. To exclude some parameters, such as biases, add the penalty to the
// graph instead.
func WithL2Reg(lambda float64) Option { return option("WithL2Reg", lambda) }

// WithL1Reg adds λ·‖w‖₁ over all parameters to the loss that steps are computed from, and λ·sign(w)
// to the gradients, after clipping. At least 0; default 0. Use it to make many weights nearly 0;
// see also WithL2Reg.
func WithL1Reg(lambda float64) Option { return option("WithL1Reg", lambda) }
