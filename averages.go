package l4

import (
	"math"

	"github.com/l4-go/l4/internal/flat"
	"github.com/l4-go/l4/internal/kernel"
	"github.com/l4-go/l4/internal/record"
)

// averages forms the direction of momentum or Adam from bias-corrected running averages. Its g is
// the momentum.
type averages struct {
	momentumTime float64 // in steps
	varianceTime float64 // in steps; 0 if the direction is the momentum
	epsilon      float64
	mean, square vectors // of the gradients and, for Adam's direction, of their squares
	f32          typedAverages[float32]
	f64          typedAverages[float64]
	direct       flat.Pass
}

func newAverages(momentumTime, varianceTime, epsilon float64) *averages {
	a := &averages{momentumTime: momentumTime, varianceTime: varianceTime, epsilon: epsilon,
		mean: vectors{number: 1}, square: vectors{number: 2}}
	a.f32 = typedAverages[float32]{passes: kernel.Float32, mean: &a.mean.f32}
	a.f64 = typedAverages[float64]{passes: kernel.Float64, mean: &a.mean.f64}
	if a.adam() {
		a.f32.square, a.f64.square = &a.square.f32, &a.square.f64
	}
	a.direct = flat.Pass{F32: a.f32.direct, F64: a.f64.direct}
	return a
}

func (a *averages) adam() bool { return a.varianceTime > 0 }

func (a *averages) form(m *flat.Model, step int) (dot, square float64, err error) {
	a.begin(m, step)
	dot, square = m.Sum(a.direct)
	return dot, square, nil
}

// begin sets the factors of the averages at the given step.
func (a *averages) begin(m *flat.Model, step int) {
	if step == 1 {
		a.mean.renew(m)
		if a.adam() {
			a.square.renew(m)
		}
	}
	a.f32.begin(a, step)
	a.f64.begin(a, step)
}

func (a *averages) tensorFields(c *record.Codec, m *flat.Model, tensor int) {
	a.mean.fields(c, m, tensor, "the average of the gradient", math.Inf(-1))
	if a.adam() {
		a.square.fields(c, m, tensor, "the average of the squared gradient", 0)
	}
}

func (*averages) fields(c *record.Codec) error {
	c.End()
	return c.Err()
}

// typedAverages are the passes over the tensors of one dtype.
type typedAverages[T kernel.Float] struct {
	passes       kernel.Passes[T]
	mean, square *[][]T // by tensor; square is nil if the direction is the momentum
	coef         kernel.Coefficients[T]
	flush        bool // in this step
}

// begin sets the factors of the averages at the given step (Eq. 7).
func (t *typedAverages[T]) begin(a *averages, step int) {
	t.coef.Mean = newDecay[T](a.momentumTime, step)
	if a.adam() {
		t.coef.Square = newDecay[T](a.varianceTime, step)
	}
	// Tiny turns 0/0 into 0 and is lost beside any root that is not 0.
	t.coef.Epsilon = max(T(a.epsilon), kernel.Tiny[T]())
	t.flush = step%kernel.FlushEvery == 0
}

func (t *typedAverages[T]) direct(p *flat.Part[T]) (dot, square float64) {
	lo, hi := p.Lo, p.Lo+len(p.G)
	mean, squares := (*t.mean)[p.Tensor][lo:hi], []T(nil)
	if t.square != nil {
		squares = (*t.square)[p.Tensor][lo:hi]
	}
	if t.flush {
		kernel.Flush(mean)
		kernel.Flush(squares)
	}
	return t.passes.Direct(p.G, mean, squares, &t.coef)
}

func newDecay[T kernel.Float](tau float64, step int) kernel.Decay[T] {
	beta := 1 - 1/tau
	correct := 1 / (1 - math.Pow(beta, float64(step)))
	return kernel.Decay[T]{Keep: T(beta), Add: T(1 - beta), Correct: T(correct)}
}

// WithMomentumTime sets τm from 1 to 1e6, the time scale in steps of the gradients' running average
// (Eq. 7). The decay factor is 1−1/τm. Default 10. For an L4 it is that of the inner solver's
// momentum; see New.
func WithMomentumTime(tau float64) Option {
	return func(o *options) { o.setTime(&o.momentumTime, "WithMomentumTime", tau) }
}
