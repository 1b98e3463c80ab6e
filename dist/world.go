// Package dist trains one model on several machines. Each process, called a rank, runs the same
// program on its own batches. All ranks make the same step, along the mean of their gradients. An
// Engine transfers the data between the ranks; package github.com/l4-go/l4/mpi has one for MPI.
//
// A program that uses l4.Batches needs four changes:
//
//	world, err := mpi.Init()
//	defer world.Finalize()                 // and check its error
//	batches := dist.NewBatches(world)      // was new(l4.Batches)
//	err = world.Start(solver, model)       // before the first step
//
// Each rank then uses world.Rank() and world.Size() to choose its share of the data. docs/mpi.md is
// a guide with a complete program.
//
// # Collective calls
//
// A call is collective if it waits for all ranks: all of them must make the same collective calls
// in the same order. Before such a call sends anything large, the ranks compare what they are about
// to do. If their calls differ, or if one rank has an error, all ranks get an error from the same
// call. So an error on one rank does not let the other ranks wait.
//
// # Determinism
//
// The weights have the same bits on all ranks, because losses and gradients are summed in the order
// of the ranks. If each rank adds one batch to each step, the bits are also the same as in one
// process that adds these batches to an l4.Batches in the order of the ranks.
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

// Errors to test for with errors.Is. All ranks get them in the same call.
var (
	// ErrLeft reports that a rank has called Finalize while others make another call. That rank may
	// have failed, or it had fewer steps to make. After ErrLeft a World can only be finalized. If
	// another rank has an error in the same call, all ranks get that error first, and the remaining
	// ranks get ErrLeft from their next call.
	ErrLeft = errors.New("dist: a rank has left")

	// ErrMismatch reports that the ranks make different calls, or that their models or settings
	// differ. After ErrMismatch a World can only be finalized.
	ErrMismatch = errors.New("dist: the ranks do not match")

	// ErrDiverged reports that the weights of the ranks differ. The step has not been made. Call
	// Start on all ranks to make the weights equal, and continue.
	ErrDiverged = errors.New("dist: the ranks have diverged")
)

var errFinalized = errors.New("dist: the World has been finalized: make no call after Finalize")

// World connects one rank to all ranks of a job. Its methods are collective, except Rank, Size,
// Stop and Stopped. Several goroutines can use it at once.
type World struct {
	// Warn is how long a rank waits for the others in a collective call before it logs a warning.
	// Timeout is how long it waits before it ends the job with a nonzero status. With 0 there is no
	// limit. Defaults: 1 minute and 30 minutes.
	//
	// Set them before the first collective call. Timeout must be well above the longest time that
	// one rank works while the others wait, for example to evaluate the model.
	Warn, Timeout time.Duration

	mu        sync.Mutex
	engine    Engine
	over      error         // what all further calls return; nil while calls are possible
	finalized atomic.Bool   // the engine's memory must not be used
	call      atomic.Uint32 // the call in progress
	warn      *time.Timer   // fires after Warn
	timeout   *time.Timer   // fires after Timeout
	in, all   []byte        // encoded headers: of this rank, and of all
	text      []byte        // error message of this rank
	texts     []byte        // error messages of all ranks
	headers   []header      // of all ranks
	scratch   []byte        // buffer for what is sent and received
	made      uint32        // number of Batches
	stopping  bool          // Stop has been called on this rank
	stopped   bool          // all ranks know that Stop has been called on one
}

// New returns a World that uses the engine e. It returns an error if e cannot allocate
// memory.
func New(e Engine) (*World, error) {
	w := &World{Warn: time.Minute, Timeout: 30 * time.Minute, engine: e}
	w.warn, w.timeout = stoppedTimer(w.logWait), stoppedTimer(w.giveUp)
	n := e.Size()
	for _, m := range []struct {
		memory *[]byte
		size   int
	}{
		{&w.in, headerSize}, {&w.all, n * headerSize},
		{&w.text, textSize}, {&w.texts, n * textSize},
	} {
		var err error
		if *m.memory, err = e.Memory(m.size); err != nil {
			return nil, errors.WithMessage(err, "dist")
		}
	}
	w.headers = make([]header, n)
	return w, nil
}

// Rank returns the number of this process, from 0 to Size()-1.
func (w *World) Rank() int { return w.engine.Rank() }

// Size returns the number of ranks.
func (w *World) Size() int { return w.engine.Size() }

// Agree returns nil on all ranks if every rank passes nil. Otherwise it returns an error on all
// ranks: a rank that passed an error gets it back, and the other ranks get the message of the first
// rank that passed one, cut to 512 bytes. Use it after work that can fail on one rank, such as
// loading a file. Agree is also a barrier: it returns after all ranks have called it.
func (w *World) Agree(err error) error {
	w.enter(callAgree)
	defer w.leave()
	_, err = w.meet(header{call: callAgree}, err)
	return err
}

// Broadcast returns on all ranks the bytes that rank 0 passes. The argument of other ranks is
// ignored.
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

// Stop asks all ranks to stop training, for example after a signal. One rank can call it alone; it
// does not wait for the others. See Stopped.
func (w *World) Stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopping = true
}

// Stopped reports whether a rank has called Stop. The result changes only in Batches.Model, and on
// all ranks in the same step, so that all of them can leave their loops after this step.
func (w *World) Stopped() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stopped
}

// Finalize ends the job on this rank. Call it at the end of the program, also after an error. If
// other ranks make another call at the same time, they and Finalize return ErrLeft. Finalize does
// not repeat an error that an earlier call has returned. A second Finalize returns nil. Every other
// collective call after Finalize returns an error, and so does Batches.Add.
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

// usable returns an error after Finalize, when the engine's memory is no longer valid.
func (w *World) usable() error {
	if w.finalized.Load() {
		return errFinalized
	}
	return nil
}

// enter begins a collective call: it locks w and starts the timers.
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

// leave ends a collective call.
func (w *World) leave() {
	w.warn.Stop()
	w.timeout.Stop()
	w.mu.Unlock()
}

func (w *World) logWait() {
	log.Printf("dist: rank %d has waited %v for other ranks in %v", w.Rank(), w.Warn,
		call(w.call.Load()))
}

func (w *World) giveUp() {
	log.Printf("dist: rank %d has waited %v for other ranks in %v and ends the job", w.Rank(),
		w.Timeout, call(w.call.Load()))
	w.engine.Abort()
}

// stoppedTimer returns a timer that calls f when it fires. It does not run before Reset.
func stoppedTimer(f func()) *time.Timer {
	t := time.AfterFunc(math.MaxInt64, f)
	t.Stop()
	return t
}

// meet waits for all ranks and returns their headers, or an error on all ranks. cause is the error
// of this rank, or nil.
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
	w.over = left(w.headers) // also if a rank has failed: ranks that left make no further call
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

// failure exchanges the error messages of the ranks. It returns cause, or the error of the first
// rank that failed if cause is nil.
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
	panic("unreachable: no rank has the flag failed")
}

// end ends the World after an error of the engine, because the ranks may no longer be in the same
// call. It returns the error.
func (w *World) end(err error) error {
	w.over = errors.WithMessage(err, "dist")
	return w.over
}
