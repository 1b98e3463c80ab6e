package l4

import (
	"math"

	"github.com/l4-go/l4/internal/flat"
	"github.com/l4-go/l4/internal/kernel"
	"github.com/l4-go/l4/internal/record"
)

// averages is the direction of L4Mom and L4Adam: it computes v from bias-corrected running averages
// (Eq. 7). Its g is the average of the gradients.
type averages struct {
	momentumTime float64 // τm in steps
	varianceTime float64 // τs in steps; 0 for the direction of L4Mom
	epsilon      float64
	mean, square flat.Vectors // averages of the gradients and, for L4Adam, of their squares
	coef32       kernel.Coefficients[float32]
	coef64       kernel.Coefficients[float64]
	flush        bool // this step replaces subnormal averages by 0
	direct       flat.Pass
}

func newAverages(momentumTime, varianceTime, epsilon float64) *averages {
	a := &averages{momentumTime: momentumTime, varianceTime: varianceTime, epsilon: epsilon,
		mean: flat.Vectors{Number: 1}, square: flat.Vectors{Number: 2}}
	a.direct = flat.NewPass(a, direct[float32], direct[float64])
	return a
}

// adam reports whether v is Adam's direction.
func (a *averages) adam() bool { return a.varianceTime > 0 }

func (a *averages) form(m *flat.Model, step int) (dot, square float64, err error) {
	a.begin(m, step)
	dot, square = m.Sum(a.direct)
	return dot, square, nil
}

// begin computes the factors of the averages in a step.
func (a *averages) begin(m *flat.Model, step int) {
	if step == 1 {
		a.mean.Renew(m)
		if a.adam() {
			a.square.Renew(m)
		}
	}
	a.flush = step%kernel.FlushEvery == 0
	mean, square := newDecay(a.momentumTime, step), kernel.Decay[float64]{}
	if a.adam() {
		square = newDecay(a.varianceTime, step)
	}
	a.coef32 = coefficients[float32](mean, square, a.epsilon)
	a.coef64 = coefficients[float64](mean, square, a.epsilon)
}

func (a *averages) tensorFields(c *record.Codec, m *flat.Model, tensor int) {
	a.mean.Fields(c, m, tensor, "the average of the gradient", math.Inf(-1))
	if a.adam() {
		a.square.Fields(c, m, tensor, "the average of the squared gradient", 0)
	}
}

func (*averages) fields(c *record.Codec) error { return c.Err() }

func coefficients[T kernel.Float](mean, square kernel.Decay[float64],
	epsilon float64) kernel.Coefficients[T] {
	return kernel.Coefficients[T]{Mean: kernel.DecayOf[T](mean), Square: kernel.DecayOf[T](square),
		// Tiny makes 0/0 zero. Added to any root above 0, Tiny is lost by rounding.
		Epsilon: max(T(epsilon), kernel.Tiny[T]())}
}

func coefficientsOf[T kernel.Float](a *averages) *kernel.Coefficients[T] {
	if c, ok := any(&a.coef32).(*kernel.Coefficients[T]); ok {
		return c
	}
	return any(&a.coef64).(*kernel.Coefficients[T])
}

// direct updates the averages of a part, replaces its gradients by v, and returns gᵀv and ‖v‖².
func direct[T kernel.Float](a *averages, p *flat.Part[T]) (dot, square float64) {
	mean, squares := flat.Elements(&a.mean, p), []T(nil)
	if a.adam() {
		squares = flat.Elements(&a.square, p)
	}
	if a.flush {
		kernel.Flush(mean)
		kernel.Flush(squares)
	}
	return kernel.For[T]().Direct(p.G, mean, squares, coefficientsOf[T](a))
}

// newDecay returns the factors in a step of a running average with the time scale tau.
func newDecay(tau float64, step int) kernel.Decay[float64] {
	beta := 1 - 1/tau
	correct := 1 / (1 - math.Pow(beta, float64(step)))
	return kernel.Decay[float64]{Keep: beta, Add: 1 - beta, Correct: correct}
}

// WithMomentumTime sets τm, the time scale in steps of the running average of gradients: its decay
// factor is 1−1/τm (Eq. 7). From 1 to 1e6; default 10. Larger values average out more noise, but
// follow the gradient later. For an L4 it is the time scale of the inner solver's momentum; see
// New.
func WithMomentumTime(tau float64) Option { return option("WithMomentumTime", tau) }
