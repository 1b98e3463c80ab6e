package dist

import (
	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"

	"github.com/l4-go/l4/internal/batch"
)

// Batches makes one step from the batches of all ranks, as l4.Batches does from the batches of one
// process. It is a Valuer of the mean loss, and Model returns the mean gradients.
//
// All batches have equal weight, whichever rank adds them. A rank can add any number of batches to
// a step, but it must add at least one before its first step. At least one rank must add a batch to
// each step.
//
// A Batches must not be used by two goroutines at once.
type Batches struct {
	// CheckEvery is the number of steps between two comparisons of the weights of all ranks. It
	// must be the same on all ranks. Default: 100. The ranks also compare their weights in the
	// first step and in a step after an error of Model. With 0 they never compare them.
	CheckEvery int

	world *World
	id    uint32
	step  uint64
	err   error

	sum    batch.Sum // of the batches of this rank
	taken  bool      // Model has been called since the last Add
	narrow bool      // a loss of any rank is float32
	mean32 gorgonia.F32
	mean64 gorgonia.F64

	weights weights
	print   uint64    // fingerprint of the model
	all32   []float32 // sums, then means, of all float32 gradients, one after the other
	all64   []float64
	model   []gorgonia.ValueGrad
}

var _ gorgonia.Valuer = (*Batches)(nil)

// NewBatches returns a Batches over the ranks of w. All ranks must create their Batches in the same
// order.
func NewBatches(w *World) *Batches {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.made++
	b := &Batches{CheckEvery: 100, world: w, id: w.made}
	b.model = []gorgonia.ValueGrad{&parameter{&batch.Param{ValueGrad: unknown{}, Of: b}, b}}
	b.sum.Alloc = b.alloc
	return b
}

// Add adds the loss and the gradients of a batch that this rank has just run, and zeroes the
// gradients. It does not wait for other ranks. See l4.Batches.Add for the arguments and the errors.
// After Finalize it returns an error.
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

// alloc allocates the sums in memory that the engine can read and write.
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

// Model waits for all ranks and returns the parameters for Step: the weights of the first batch
// that this rank added to the step, with the mean gradients of all batches of all ranks. A rank
// that added no batch gets the weights of its last step that had one. Model is collective: all
// ranks must call it for each step.
//
// If Model fails, Err returns the error, and so does Step when it reads the parameters.
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

// Err returns the error of the last Model, or nil if it succeeded.
func (b *Batches) Err() error { return b.err }

// Value returns the mean loss of all batches of all ranks in the step of the last Model. It is a
// scalar: a float32 if the loss of any batch is one, otherwise a float64.
func (b *Batches) Value() gorgonia.Value {
	if b.narrow { // the dtype shows Step how precise the loss is
		return &b.mean32
	}
	return &b.mean64
}

// CheckModel returns an error if Model has not returned the parameters of model since the last Add,
// because their gradients are not the means of all ranks. The solvers of package l4 call CheckModel
// in Step. A model that consists of only some of the parameters is valid.
func (b *Batches) CheckModel(model []gorgonia.ValueGrad) error {
	for _, v := range model {
		if p, ok := v.(*parameter); !ok || p.batches != b || !b.taken {
			return errors.New("dist: the gradients of the model are not the means of all ranks: " +
				"after Add, call Step(batches.Model())")
		}
	}
	return nil
}

// reduce replaces the sums of this rank by the means over all ranks.
func (b *Batches) reduce() error {
	w := b.world
	hs, err := w.meet(b.header())
	if err != nil {
		return err
	}
	if b.sum.N == 0 { // they hold an earlier step
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
		return errors.New("dist: no rank has added a batch to this step: call Add before Model")
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

// header returns the header of this rank for a step, and an error if the rank cannot make the step.
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
		return h, errors.New("dist: the rank has not added a batch yet: call Add before Model")
	}
	// If the memory is allocated before the ranks meet, all ranks get the error.
	size := max(meanRoom[float32](b.world, len(b.all32)), meanRoom[float64](b.world, len(b.all64)))
	if _, err := b.world.room(size); err != nil {
		return h, err
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
