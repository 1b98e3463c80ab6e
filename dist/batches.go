package dist

import (
	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"

	"github.com/l4-go/l4"
	"github.com/l4-go/l4/internal/bind"
	"github.com/l4-go/l4/internal/flat"
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

	batch l4.Batches // the last added, alone
	grads bind.Model // its gradients
	loss  float64    // sum over the batches of this rank
	n     int        // number of them
	taken bool       // Model has been called since

	flags  flags
	mean32 gorgonia.F32
	mean64 gorgonia.F64

	weights    weights
	print      uint64    // fingerprint of the model
	all32      []float32 // sums, then means, of all gradients of a dtype, end to end
	all64      []float64
	sums       flat.Vectors // the same by tensor
	set        flat.Pass    // sums to the gradients
	add        flat.Pass
	parameters []*parameter
	model      []gorgonia.ValueGrad
}

var _ gorgonia.Valuer = (*Batches)(nil)

// NewBatches returns a Batches. All ranks must make their Batches in the same order.
func NewBatches(w *World) *Batches {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.made++
	b := &Batches{CheckEvery: 100, world: w, id: w.made}
	b.model = []gorgonia.ValueGrad{&parameter{ValueGrad: unknown{}, batches: b}}
	b.set, b.add = b.sums.Set(), b.sums.Add()
	return b
}

// Add takes the loss and the gradients of a batch that has just been run on this rank, and zeroes
// the gradients, as l4.Batches does. It is not collective.
func (b *Batches) Add(loss gorgonia.Valuer, model []gorgonia.ValueGrad) error {
	if err := b.world.usable(); err != nil {
		return err
	}
	if err := b.batch.Add(loss, model); err != nil {
		return err
	}
	added := b.batch.Model()
	if err := b.grads.Bind(added); err != nil {
		return err
	}
	b.grads.Keep()
	if b.parameters == nil {
		if err := b.describe(model); err != nil {
			return err
		}
	}
	pass := b.add
	if b.taken || b.n == 0 {
		b.begin()
		for i, p := range b.parameters {
			p.ValueGrad = model[i]
		}
		pass = b.set
	}
	switch x := b.batch.Value().(type) {
	case *gorgonia.F32:
		b.loss += float64(*x)
		b.flags |= narrow
	case *gorgonia.F64:
		b.loss += float64(*x)
	}
	b.n++
	b.grads.Sum(pass)
	return nil
}

// Model waits for all ranks and returns the parameters for Step: the weights of the first model
// that this rank has added, with the mean of the gradients of all ranks. If it fails, Step returns
// the error, and so does Err. A rank that has added nothing since the last call takes part with no
// batch.
func (b *Batches) Model() []gorgonia.ValueGrad {
	b.world.enter(callStep)
	defer b.world.leave()
	if b.taken {
		b.begin()
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
	if b.flags&narrow != 0 { // so that Step knows how it may be rounded
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

// begin begins a step, of no batches so far.
func (b *Batches) begin() {
	b.loss, b.n, b.flags, b.taken = 0, 0, 0, false
}

// reduce replaces the sums of this rank by the means of all.
func (b *Batches) reduce() error {
	w := b.world
	hs, err := w.meet(b.header())
	if err != nil {
		return err
	}
	if b.n == 0 { // the sums are still those of an earlier step
		clear(b.all32)
		clear(b.all64)
	}
	n, loss := uint64(0), 0.0
	for _, h := range hs {
		n += h.n
		loss += h.loss
		b.flags |= h.flags & narrow
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
		call: callStep, flags: b.flags, batches: b.id, step: b.step + 1,
		model: b.print, n: uint64(b.n), loss: b.loss,
	}
	if b.world.stopping {
		h.flags |= stop
	}
	if b.parameters == nil {
		return h, errors.New("dist: a first step without a batch: call Add before Model")
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
