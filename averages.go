package l4

import (
	"math"

	"github.com/l4-go/l4/internal/flat"
	"github.com/l4-go/l4/internal/kernel"
	"github.com/l4-go/l4/internal/record"
	gt "gorgonia.org/tensor"
)

// averages is the direction that the bias-corrected running averages of the gradients give by themselves:
// the momentum, or Adam's. g is the momentum.
type averages struct {
	momentumTime, varianceTime float64 // time scales in steps; the latter is 0 if the direction is the momentum
	epsilon                    float64
	f32                        typedAverages[float32]
	f64                        typedAverages[float64]
	direct                     flat.Pass
}

func newAverages(momentumTime, varianceTime, epsilon float64) *averages {
	a := &averages{momentumTime: momentumTime, varianceTime: varianceTime, epsilon: epsilon}
	a.f32.passes, a.f64.passes = kernel.Float32, kernel.Float64
	a.direct = flat.Pass{F32: a.f32.direct, F64: a.f64.direct}
	return a
}

func (a *averages) form(m *flat.Model, step int) (dot float64, err error) {
	if step == 1 {
		a.f32.of, a.f64.of = nil, nil
		for i := range m.Len() {
			a.allocate(m, i)
		}
	}
	a.f32.begin(a, step)
	a.f64.begin(a, step)
	dot, _ = m.Sum(a.direct)
	return dot, nil
}

// allocate makes room for the next tensor.
func (a *averages) allocate(m *flat.Model, tensor int) {
	n := m.Size(tensor)
	var x kernel.Averages[float32]
	var y kernel.Averages[float64]
	if m.Dtype(tensor) == gt.Float32 {
		x = kernel.NewAverages[float32](n, a.varianceTime > 0)
	} else {
		y = kernel.NewAverages[float64](n, a.varianceTime > 0)
	}
	a.f32.of, a.f64.of = append(a.f32.of, x), append(a.f64.of, y)
}

func (a *averages) tensorFields(c *record.Codec, m *flat.Model, tensor int) {
	if c.Reading() {
		a.allocate(m, tensor)
	}
	averageFields(c, &a.f32.of[tensor], math.MaxFloat32)
	averageFields(c, &a.f64.of[tensor], math.MaxFloat64)
}

func (*averages) fields(c *record.Codec) error {
	c.End()
	return c.Err()
}

// typedAverages are those of the tensors of one element type.
type typedAverages[T kernel.Float] struct {
	passes kernel.Passes[T]
	of     []kernel.Averages[T] // by tensor; without elements if it is of the other type
	coef   kernel.Coefficients[T]
	flush  bool // in this step
}

// begin sets the factors of the averages at the given step (Eq. 7).
func (t *typedAverages[T]) begin(a *averages, step int) {
	t.coef.Mean = newDecay[T](a.momentumTime, step)
	if a.varianceTime > 0 {
		t.coef.Square = newDecay[T](a.varianceTime, step)
	}
	// Tiny turns 0/0 into 0 and is lost beside any root that is not 0.
	t.coef.Epsilon = max(T(a.epsilon), kernel.Tiny[T]())
	t.flush = step%kernel.FlushEvery == 0
}

func newDecay[T kernel.Float](tau float64, step int) kernel.Decay[T] {
	beta := 1 - 1/tau
	return kernel.Decay[T]{Keep: T(beta), Add: T(1 - beta), Correct: T(1 / (1 - math.Pow(beta, float64(step))))}
}

func (t *typedAverages[T]) direct(p flat.Part[T]) (dot, _ float64) {
	a := &t.of[p.Tensor]
	if t.flush {
		kernel.Flush(a.Mean[p.Lo : p.Lo+len(p.G)])
		if a.Square != nil {
			kernel.Flush(a.Square[p.Lo : p.Lo+len(p.G)])
		}
	}
	return t.passes.Direct(p.G, a, p.Lo, &t.coef), 0
}

func averageFields[T kernel.Float](c *record.Codec, a *kernel.Averages[T], largest T) {
	record.Vector(c, "the average of the gradient", a.Mean, -largest, largest)
	record.Vector(c, "the average of the squared gradient", a.Square, 0, largest)
}

// WithMomentumTime sets τm from 1 to 1e6, the time scale in steps of the gradients' running average (Eq. 7).
// The decay factor is 1−1/τm. Default 10.
func WithMomentumTime(tau float64) Option {
	return func(o *options) { o.setTime(&o.momentumTime, "WithMomentumTime", tau) }
}
