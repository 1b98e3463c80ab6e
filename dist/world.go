// Package dist trains one model on several machines. Each rank is a process that runs the same
// program on batches of its own; all make the same step, along the mean of their gradients. An
// Engine moves the bytes: package l4/mpi has one over MPI.
//
// A program that uses l4.Batches needs four changes:
//
//	world, err := mpi.Init()
//	defer world.Finalize()                 // and look at its error
//	batches := dist.NewBatches(world)      // was new(l4.Batches)
//	err = world.Start(solver, model)       // before the first step
//
// Each rank then takes its share of the data by world.Rank() and world.Size(). Losses and gradients
// are summed in the order of ranks, so that all ranks have the same bits, and with one batch a rank
// and step those of one process that adds the batches to an l4.Batches in that order.
//
// Before anything large is sent, all ranks compare what they are about to do. Where they differ, or
// one has failed, each gets an error in the same call; none waits for what never comes.
package dist

import (
	"bytes"
	"log"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pkg/errors"
)

// Errors that a caller can test for with errors.Is. All ranks get them in the same call.
var (
	// ErrLeft says that a rank has called Finalize while others go on. It may have failed, or had
	// fewer steps to make. The World can only be finalized. If a call has failed on another rank at
	// the same time, that error comes first and ErrLeft in the next call.
	ErrLeft = errors.New("dist: a rank has left")

	// ErrMismatch says that the ranks are not about to do the same: they have made different calls or
	// have different models. The World can only be finalized.
	ErrMismatch = errors.New("dist: the ranks do not match")

	// ErrDiverged says that the ranks have different weights. Start makes them equal.
	ErrDiverged = errors.New("dist: the weights differ")
)

var errFinalized = errors.New("dist: the World has been finalized: call Finalize last")

// World is all ranks of a job as one of them sees it. Its methods but Rank and Size are collective:
// all ranks must call the same ones in the same order. It may be used from several goroutines.
type World struct {
	// Warn is how long a rank waits for the others before it logs that it does, and Timeout how long
	// before it ends the job with a non-zero status; 0 is for ever. Defaults: 1 and 30 minutes. Set
	// them before the first call, and Timeout well above the longest that ranks may be apart, such as
	// an evaluation on one of them.
	Warn, Timeout time.Duration

	mu        sync.Mutex
	engine    Engine
	over      error         // why there are no more calls
	finalized atomic.Bool   // the engine's memory is gone
	call      atomic.Uint32 // in progress, a call
	warn      *time.Timer   // after Warn
	timeout   *time.Timer   // after Timeout
	in, all   []byte        // headers
	text      []byte        // of failures
	texts     []byte
	headers   []header
	scratch   []byte // what is sent or received passes through it
	made      uint32 // number of Batches
	stopping  bool   // this rank wants all to stop
	stopped   bool   // all have agreed to
}

// New returns the World of an engine.
func New(e Engine) (*World, error) {
	w := &World{Warn: time.Minute, Timeout: 30 * time.Minute, engine: e}
	w.warn, w.timeout = stoppedTimer(w.logWait), stoppedTimer(w.giveUp)
	n := e.Size()
	for _, m := range []struct {
		memory *[]byte
		size   int
	}{{&w.in, headerSize}, {&w.all, n * headerSize}, {&w.text, textSize}, {&w.texts, n * textSize}} {
		var err error
		if *m.memory, err = e.Memory(m.size); err != nil {
			return nil, errors.WithMessage(err, "dist")
		}
	}
	w.headers = make([]header, n)
	return w, nil
}

// Rank is the number of this process, from 0.
func (w *World) Rank() int { return w.engine.Rank() }

// Size is the number of ranks.
func (w *World) Size() int { return w.engine.Size() }

// Agree returns nil on all ranks if all pass nil, and an error on all otherwise: the one passed, or
// what another rank has passed. It is also a barrier.
func (w *World) Agree(err error) error {
	w.enter(callAgree)
	defer w.leave()
	_, err = w.meet(header{call: callAgree}, err)
	return err
}

// Broadcast returns the bytes that rank 0 passes. What others pass does not count.
func (w *World) Broadcast(b []byte) ([]byte, error) {
	w.enter(callBroadcast)
	defer w.leave()
	hs, err := w.meet(header{call: callBroadcast, n: uint64(len(b))}, nil)
	if err != nil {
		return nil, err
	}
	if w.Rank() > 0 {
		b = make([]byte, hs[0].n)
	}
	return b, w.broadcast(b)
}

// Stop asks all ranks to stop. It is the one call that a rank may make alone.
func (w *World) Stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopping = true
}

// Stopped reports whether a rank has asked all to stop. It changes in Batches.Model only, on all
// ranks in the same step, so that they can end their loops after it.
func (w *World) Stopped() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stopped
}

// Finalize ends the job on this rank; a program calls it last, even after an error. Ranks that
// still train get ErrLeft, as does this one. An error that a call has returned before is not
// returned again. After Finalize, another Finalize returns nil and every other call an error.
func (w *World) Finalize() error {
	w.enter(callFinalize)
	defer w.leave()
	if w.finalized.Load() {
		return nil
	}
	var err error
	if w.over == nil {
		_, err = w.meet(header{call: callFinalize}, nil)
	}
	w.over = errFinalized
	w.finalized.Store(true)
	if engineErr := w.engine.Finalize(); err == nil && engineErr != nil {
		err = errors.WithMessage(engineErr, "dist")
	}
	return err
}

// usable returns an error after Finalize, when the engine's memory is gone.
func (w *World) usable() error {
	if w.finalized.Load() {
		return errFinalized
	}
	return nil
}

// enter begins a call: it locks w and starts the timers.
func (w *World) enter(c call) {
	w.mu.Lock()
	w.call.Store(uint32(c))
	if w.Size() == 1 {
		return
	}
	if w.Warn > 0 {
		w.warn.Reset(w.Warn)
	}
	if w.Timeout > 0 {
		w.timeout.Reset(w.Timeout)
	}
}

// leave ends a call.
func (w *World) leave() {
	w.warn.Stop()
	w.timeout.Stop()
	w.mu.Unlock()
}

func (w *World) logWait() {
	log.Printf("dist: rank %d has waited %v for other ranks at %v", w.Rank(), w.Warn,
		call(w.call.Load()))
}

func (w *World) giveUp() {
	log.Printf("dist: rank %d has waited %v for other ranks at %v and ends the job", w.Rank(),
		w.Timeout, call(w.call.Load()))
	w.engine.Abort()
}

// stoppedTimer returns a timer that calls f some time after a Reset.
func stoppedTimer(f func()) *time.Timer {
	t := time.AfterFunc(math.MaxInt64, f)
	t.Stop()
	return t
}

// meet waits for all ranks and returns their headers, or an error on all. cause is what went wrong
// on this one.
func (w *World) meet(h header, cause error) ([]header, error) {
	if w.over != nil {
		return nil, w.over
	}
	if cause != nil {
		h.flags |= failed
	}
	h.encode(w.in)
	if err := w.engine.AllGather(w.in, w.all); err != nil {
		return nil, w.end(err)
	}
	anyFailed := false
	for r := range w.headers {
		w.headers[r] = decode(w.all[r*headerSize:])
		anyFailed = anyFailed || w.headers[r].flags&failed != 0
	}
	w.over = left(w.headers) // whatever else is wrong, these ranks do not come to the next call
	if anyFailed {
		return nil, w.failure(cause)
	}
	if w.over == nil {
		w.over = mismatch(w.headers)
	}
	if w.over != nil {
		return nil, w.over
	}
	if err := diverged(w.headers); err != nil {
		return nil, err
	}
	return w.headers, nil
}

// failure lets all ranks know what has gone wrong on some.
func (w *World) failure(cause error) error {
	clear(w.text)
	if cause != nil {
		copy(w.text, cause.Error())
	}
	if err := w.engine.AllGather(w.text, w.texts); err != nil {
		return w.end(err)
	}
	if cause != nil {
		return cause
	}
	for r, h := range w.headers {
		if h.flags&failed != 0 {
			text := bytes.TrimRight(w.texts[r*textSize:(r+1)*textSize], "\x00")
			return errors.Errorf("dist: rank %d failed: %s", r, text)
		}
	}
	panic("unreachable: a rank has failed, but none has the flag")
}

// end is what becomes of an error of the engine, after which nobody knows where the ranks are.
func (w *World) end(err error) error {
	w.over = errors.WithMessage(err, "dist")
	return w.over
}
