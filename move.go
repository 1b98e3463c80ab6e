package l4

import (
	"math"
	"slices"

	"github.com/pkg/errors"

	"github.com/l4-go/l4/internal/flat"
	"github.com/l4-go/l4/internal/kernel"
	"github.com/l4-go/l4/internal/record"
)

// move updates the weights, w ← (1−λ)·w − η·v, and zeroes the gradients. For the bound it also
// measures the distance of the weights from their start, which is the weights before the first step
// of nonzero length.
type move struct {
	decays    func(name string, shape []int) bool // see WithWeightDecayOf; nil: all tensors decay
	undecayed []bool                              // tensors that do not decay
	start     flat.Vectors                        // w0; empty before the first begin
	distance  float64                             // ‖w − w0‖ after the last step

	eta, decay    float64 // η and λ of this step
	first, update flat.Pass
}

func newMove(decays func(name string, shape []int) bool) *move {
	m := &move{decays: decays, start: flat.Vectors{Number: 3}}
	m.first = flat.NewPass(m, firstPart[float32], firstPart[float64])
	m.update = flat.NewPass(m, updatePart[float32], updatePart[float64])
	return m
}

// choose asks the user's function which tensors decay. It asks once, and before a step writes
// anything, because the function may panic.
func (m *move) choose(model *flat.Model, first bool) {
	if !first && len(m.undecayed) == model.Len() {
		return
	}
	undecayed := make([]bool, model.Len())
	for i := range undecayed {
		t := model.Tensor(i)
		undecayed[i] = m.decays != nil && !m.decays(t.Name, slices.Clone(t.Shape))
	}
	m.undecayed = undecayed
}

// begin stores the weights as the start w0 and returns their norm. The norm excludes weights that
// are not finite. If the squared norm overflows, the largest float64 replaces it.
func (m *move) begin(model *flat.Model) (norm float64) {
	if !m.start.Made() {
		m.start.Renew(model)
	}
	square, _ := model.Sum(m.first)
	m.distance = 0
	return math.Sqrt(min(square, math.MaxFloat64))
}

// step updates the weights and zeroes the gradients.
func (m *move) step(model *flat.Model, eta, decay float64) {
	m.eta, m.decay = eta, decay
	square, _ := model.Sum(m.update)
	m.distance = math.Sqrt(square)
}

func (m *move) fields(c *record.Codec) {
	c.Any(&m.distance) // not finite if a weight is not finite; the bound then ignores it
}

func (m *move) tensorFields(c *record.Codec, model *flat.Model, tensor int) {
	m.start.AnyFields(c, model, tensor) // may be NaN, because a step does not check weights
}

func firstPart[T kernel.Float](m *move, p *flat.Part[T]) (square, _ float64) {
	copy(flat.Elements(&m.start, p), p.W)
	for _, w := range p.W {
		if x := float64(w); isFinite(x) {
			square += float64(x * x)
		}
	}
	return square, 0
}

func updatePart[T kernel.Float](m *move, p *flat.Part[T]) (square, _ float64) {
	if m.decay > 0 && !m.undecayed[p.Tensor] {
		factor := T(1 - m.decay)
		for i, w := range p.W {
			p.W[i] = w * factor
		}
	}
	largest := float64(kernel.Largest[T]())
	eta := T(max(-largest, min(m.eta, largest)))
	if eta == 0 {
		clear(p.G) // an element of v may be infinite, and 0 times infinity is NaN
	}
	if m.start.Made() {
		return kernel.For[T]().UpdateFrom(p.W, p.G, flat.Elements(&m.start, p), eta), 0
	}
	kernel.For[T]().Update(p.W, p.G, eta)
	return 0, 0
}

// WithWeightDecay multiplies all weights by 1−λ in each step, just before η·v is subtracted. From 0
// to below 1; default 0. In float32, 1−λ is 1 for λ below 3e-8.
//
// The decay is decoupled from the loss, as in AdamW (I. Loshchilov and F. Hutter, ICLR 2019):
// neither the gradients nor gᵀv contain it. It is also decoupled from η, which spans orders of
// magnitude in L4. Many implementations of AdamW multiply λ by the learning rate: their λ of 0.01
// at a rate of 1e-3 is 1e-5 here.
//
// WithL2Reg changes the objective, and training converges to its new minimum. WithWeightDecay does
// not change the objective: it shrinks all weights, above all those on which the loss hardly
// depends, and so it keeps the loss somewhat above its minimum.
func WithWeightDecay(lambda float64) Option {
	return func(o *options) {
		o.set("WithWeightDecay", lambda)
		o.decayAt = nil
	}
}

// WithWeightDecaySchedule sets the λ of WithWeightDecay in each step. Steps are numbered from 1.
// From 0 to below 1; default 0. Use it if the decay should change during training. If lambda
// returns a value out of range, Step returns an error and changes nothing. The function is not part
// of a saved state.
func WithWeightDecaySchedule(lambda func(step int) float64) Option {
	return func(o *options) {
		o.weightDecay = 0
		o.decayAt = o.schedule("WithWeightDecaySchedule", lambda, wantDecay)
	}
}

// WithWeightDecayOf limits weight decay to the parameters for which the function decays returns
// true. The function gets the name and the shape of each parameter in the first step. Default: all
// parameters. It is common to exclude biases and the scales of normalization:
//
//	l4.WithWeightDecayOf(func(_ string, shape []int) bool { return len(shape) > 1 })
func WithWeightDecayOf(decays func(name string, shape []int) bool) Option {
	return func(o *options) {
		if decays == nil {
			o.fail(errors.New("l4: WithWeightDecayOf: the function is nil: pass a function"))
		}
		o.decays = decays
	}
}
