package l4

import (
	"math"
	"slices"

	"github.com/l4-go/l4/internal/flat"
	"github.com/l4-go/l4/internal/kernel"
	"github.com/l4-go/l4/internal/record"
)

// move ends a step: w ← (1−λ)·w − η·v, and zeroes the gradients. For a bound it also measures the
// distance of the weights from their start, the point before the first step of nonzero length.
type move struct {
	decay    *schedule                           // λ
	decays   func(name string, shape []int) bool // reports whether a tensor decays; nil for all
	kept     []bool                              // by tensor: it does not decay
	measures bool                                // the distance
	distance float64                             // ‖w − w0‖ after the last step

	start  vectors // w0; empty before the first begin
	f32    typedMove[float32]
	f64    typedMove[float64]
	first  flat.Pass
	update flat.Pass
}

func newMove(o options) *move {
	m := &move{decay: o.weightDecay, decays: o.decays, measures: o.bound > 0,
		start: vectors{number: 3}}
	m.f32 = typedMove[float32]{m, kernel.Float32, math.MaxFloat32, &m.start.f32, 0}
	m.f64 = typedMove[float64]{m, kernel.Float64, math.MaxFloat64, &m.start.f64, 0}
	m.first = flat.Pass{F32: m.f32.firstPart, F64: m.f64.firstPart}
	m.update = flat.Pass{F32: m.f32.updatePart, F64: m.f64.updatePart}
	return m
}

// begin makes the weights the start w0 and returns their norm. It leaves out weights that are not
// finite, and a squared norm that overflows counts as the largest number.
func (m *move) begin(model *flat.Model) (norm float64) {
	if len(m.start.f32) != model.Len() {
		m.start.renew(model)
	}
	square, _ := model.Sum(m.first)
	m.distance = 0
	return math.Sqrt(min(square, math.MaxFloat64))
}

func (m *move) step(model *flat.Model, eta float64) {
	m.f32.set(eta)
	m.f64.set(eta)
	square, _ := model.Sum(m.update)
	m.distance = math.Sqrt(square)
	model.Commit()
}

// choose asks which tensors decay. It does so once, before anything is written, because the user's
// function may panic.
func (m *move) choose(model *flat.Model, first bool) {
	if !first && len(m.kept) == model.Len() {
		return
	}
	kept := make([]bool, model.Len())
	for i := range kept {
		kept[i] = m.decays != nil && !m.decays(model.Name(i), slices.Clone(model.Shape(i)))
	}
	m.kept = kept
}

func (m *move) fields(c *record.Codec) {
	if m.measures {
		c.Any(&m.distance) // NaN if a weight is, and then the bound leaves it out
	}
}

func (m *move) tensorFields(c *record.Codec, model *flat.Model, tensor int) {
	m.start.anyFields(c, model, tensor) // which may be NaN: weights are not checked
}

// typedMove are the passes over the tensors of one dtype.
type typedMove[T kernel.Float] struct {
	*move
	passes  kernel.Passes[T]
	largest float64
	start   *[][]T
	eta     T
}

func (t *typedMove[T]) set(eta float64) { t.eta = T(max(-t.largest, min(eta, t.largest))) }

func (t *typedMove[T]) firstPart(p *flat.Part[T]) (square, _ float64) {
	copy((*t.start)[p.Tensor][p.Lo:], p.W)
	for _, w := range p.W {
		if x := float64(w); isFinite(x) {
			square += float64(x * x)
		}
	}
	return square, 0
}

func (t *typedMove[T]) updatePart(p *flat.Part[T]) (square, _ float64) {
	if t.decay.now > 0 && !t.kept[p.Tensor] {
		keep := T(1 - t.decay.now)
		for i, w := range p.W {
			p.W[i] = w * keep
		}
	}
	if t.eta == 0 {
		clear(p.G) // v may be infinite, and 0 times that is no step
	}
	if len(*t.start) > 0 {
		return t.passes.UpdateFrom(p.W, p.G, (*t.start)[p.Tensor][p.Lo:p.Lo+len(p.W)], t.eta), 0
	}
	t.passes.Update(p.W, p.G, t.eta)
	return 0, 0
}

// WithWeightDecay multiplies all weights by 1−λ, 0 <= λ < 1, in each step, just before −η·v is
// added. It is decoupled from the loss as in AdamW (I. Loshchilov and F. Hutter, ICLR 2019):
// neither gradients nor inner product contain it. It is also decoupled from η, which in L4 spans
// orders of magnitude. Implementations of AdamW multiply λ by the learning rate: their λ of 0.01 at
// a rate of 1e-3 is 1e-5 here. Default 0. In float32, 1−λ is 1 for a λ below 3e-8.
//
// WithL2Reg changes the objective, and training converges to the new minimum. WithWeightDecay
// shrinks the weights that the loss does not hold in place, and the loss stays above its minimum.
func WithWeightDecay(lambda float64) Option {
	return func(o *options) {
		x := o.weightDecay.fixed
		o.set(&x, "WithWeightDecay", lambda, isDecay(lambda), wantDecay)
		o.weightDecay = constant(x)
	}
}
