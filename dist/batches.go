package dist

import (
	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"

	"github.com/l4-go/l4/internal/batch"
)

// Batches is an l4.Batches over all ranks: it makes one step of the batches that all have added.
// Each batch counts alike, whatever rank adds it. A rank may add several for a step, or none once
// it has added one. It may not be used from two goroutines at once.
type Batches struct {
	// CheckEvery is the number of steps between comparisons of the weights of all ranks, the same on
	// all ranks. The first step compares the weights, and so does a step after an error of Model.
	// Default 100, 0 for no comparisons.
	CheckEvery int

	world *World
	id    uint32
	step  uint64
	err   error

	sum    batch.Sum // of the batches of this rank
	taken  bool      // Model has been called since
	narrow bool      // the loss of some rank is float32
	mean32 gorgonia.F32
	mean64 gorgonia.F64

	weights weights
	print   uint64    // fingerprint of the model
	all32   []float32 // sums, then means, of all gradients of a dtype, end to end
	all64   []float64
	model   []gorgonia.ValueGrad
}

var _ gorgonia.Valuer = (*Batches)(nil)

// NewBatches returns a Batches. All ranks must make their Batches in the same order.
func NewBatches(w *World) *Batches {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.made++
	b := &Batches{CheckEvery: 100, world: w, id: w.made}
	b.model = []gorgonia.ValueGrad{&parameter{&batch.Param{ValueGrad: unknown{}, Of: b}, b}}
	b.sum.Alloc = b.alloc
	return b
}

// Add takes the loss and the gradients of a batch that has just been run on this rank, and zeroes
// the gradients, as l4.Batches does. It is not collective.
func (b *Batches) Add(loss gorgonia.Valuer, model []gorgonia.ValueGrad) error {
	if err := b.world.usable(); err != nil {
		return err
	}
	first := b.sum.Params() == nil
	if err := b.sum.Add(loss, model, b.taken); err != nil {
		return err
	}
	if b.taken = false; !first {
		return nil
	}
	b.model = nil
	for _, p := range b.sum.Params() {
		p.Of = b
		b.model = append(b.model, &parameter{p, b})
	}
	if err := b.weights.bind(model); err != nil {
		return err
	}
	b.print = b.weights.fingerprint()
	return nil
}

// alloc makes the memory of the sums, which the engine reads and writes.
func (b *Batches) alloc(n32, n64 int) (x []float32, y []float64, err error) {
	w := b.world
	w.mu.Lock() // the engine takes one call at a time
	defer w.mu.Unlock()
	if x, err = alloc[float32](w, w.padded(n32)); err == nil {
		y, err = alloc[float64](w, w.padded(n64))
	}
	b.all32, b.all64 = x, y
	return x, y, errors.WithMessage(err, "dist")
}

// Model waits for all ranks and returns the parameters for Step: the weights of the first model
// that this rank has added, with the mean of the gradients of all ranks. If it fails, Step returns
// the error, and so does Err. A rank that has added nothing since the last call takes part with no
// batch.
func (b *Batches) Model() []gorgonia.ValueGrad {
	b.world.enter(callStep)
	defer b.world.leave()
	if b.taken {
		b.sum.Clear()
	}
	b.err = b.reduce()
	b.taken = true
	b.step++
	return b.model
}

// Err returns what went wrong in the last call of Model.
func (b *Batches) Err() error { return b.err }

// Value returns the mean loss of all ranks in the step that Model was last called for, a scalar.
func (b *Batches) Value() gorgonia.Value {
	if b.narrow { // so that Step knows how it may be rounded
		return &b.mean32
	}
	return &b.mean64
}

// CheckModel returns an error unless the parameters of model are some that Model has returned since
// the last Add. The solvers of package l4 call it in Step.
func (b *Batches) CheckModel(model []gorgonia.ValueGrad) error {
	for _, v := range model {
		if p, ok := v.(*parameter); !ok || p.batches != b || !b.taken {
			return errors.New("dist: the gradients of the model are not the means of all ranks: " +
				"call Step(batches.Model()), after Add")
		}
	}
	return nil
}

// reduce replaces the sums of this rank by the means of all.
func (b *Batches) reduce() error {
	w := b.world
	hs, err := w.meet(b.header())
	if err != nil {
		return err
	}
	if b.sum.N == 0 { // the sums are still those of an earlier step
		clear(b.all32)
		clear(b.all64)
	}
	n, loss := uint64(0), 0.0
	b.narrow = false
	for _, h := range hs {
		n += h.n
		loss += h.loss
		b.narrow = b.narrow || h.flags&narrow != 0
		w.stopped = w.stopped || h.flags&stop != 0
	}
	if n == 0 {
		return errors.New("dist: no rank has added a batch for this step: call Add before Model")
	}
	if err := mean(w, b.all32, int(n)); err != nil {
		return err
	}
	if err := mean(w, b.all64, int(n)); err != nil {
		return err
	}
	b.mean64 = gorgonia.F64(loss / float64(n))
	b.mean32 = gorgonia.F32(b.mean64)
	return nil
}

// header is what this rank brings to a step, or what keeps it from it.
func (b *Batches) header() (header, error) {
	h := header{
		call: callStep, batches: b.id, step: b.step + 1,
		model: b.print, n: uint64(b.sum.N), loss: b.sum.Loss,
	}
	if b.sum.Narrow {
		h.flags |= narrow
	}
	if b.world.stopping {
		h.flags |= stop
	}
	if b.sum.Params() == nil {
		return h, errors.New("dist: the first step has no batch: call Add before Model")
	}
	if b.CheckEvery > 0 && (b.step%uint64(b.CheckEvery) == 0 || b.err != nil) {
		if err := b.weights.bind(b.model); err != nil {
			return h, err
		}
		h.flags |= checked
		h.weights = b.weights.checksum()
	}
	return h, nil
}
