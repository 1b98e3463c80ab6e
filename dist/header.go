package dist

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
)

// header describes what a rank is about to do. The ranks exchange their headers at the beginning of
// each collective call, so that all of them notice a difference in the same call.
type header struct {
	call    call
	flags   flags
	batches uint32  // number of the Batches, in the order in which they were created, from 1
	step    uint64  // of that Batches, from 1
	model   uint64  // fingerprint of names, dtypes and shapes
	weights uint64  // checksum, if the flag checked is set
	n       uint64  // number of added batches, or of bytes that rank 0 will broadcast
	loss    float64 // sum over those batches
}

// call is a collective call.
type call byte

const (
	callStep call = iota + 1
	callStart
	callBroadcast
	callAgree
	callFinalize
)

func (c call) String() string {
	return [...]string{"?", "Model", "Start", "Broadcast", "Agree", "Finalize"}[c]
}

type flags byte

const (
	failed  flags = 1 << iota // the rank has an error
	stop                      // Stop has been called on the rank
	narrow                    // a loss is float32
	checked                   // the header has a checksum of the weights
	state                     // Start was called with a solver
)

const (
	headerSize = 48  // bytes
	textSize   = 512 // bytes of an error message
)

func (h header) encode(b []byte) {
	b[0], b[1] = byte(h.call), byte(h.flags)
	binary.LittleEndian.PutUint32(b[4:], h.batches)
	for i, x := range []uint64{h.step, h.model, h.weights, h.n, math.Float64bits(h.loss)} {
		binary.LittleEndian.PutUint64(b[8+8*i:], x)
	}
}

func decode(b []byte) header {
	word := func(i int) uint64 { return binary.LittleEndian.Uint64(b[8+8*i:]) }
	return header{
		call: call(b[0]), flags: flags(b[1]), batches: binary.LittleEndian.Uint32(b[4:]),
		step: word(0), model: word(1), weights: word(2), n: word(3),
		loss: math.Float64frombits(word(4)),
	}
}

// left returns ErrLeft if some ranks have called Finalize and others another method.
func left(headers []header) error {
	leaves := slices.IndexFunc(headers, func(h header) bool { return h.call == callFinalize })
	stays := slices.IndexFunc(headers, func(h header) bool { return h.call != callFinalize })
	if leaves < 0 || stays < 0 {
		return nil
	}
	return fmt.Errorf("%w: rank %d called Finalize, but rank %d called %v: look for an error on "+
		"rank %[2]d, or make the same number of steps on all ranks", ErrLeft, leaves, stays,
		headers[stays].call)
}

// mismatch returns ErrMismatch if the header of a rank does not match the header of rank 0.
func mismatch(headers []header) error {
	first := headers[0]
	for rank, h := range headers {
		mismatch := func(format string, args ...any) error {
			return fmt.Errorf("%w: %s", ErrMismatch, fmt.Sprintf(format, args...))
		}
		switch {
		case h.call != first.call:
			return mismatch("rank %d called %v, but rank 0 called %v: make the same calls in the "+
				"same order on all ranks", rank, h.call, first.call)
		case h.batches != first.batches:
			return mismatch("rank %d uses Batches number %d, but rank 0 uses number %d: create "+
				"and use all Batches in the same order on all ranks", rank, h.batches,
				first.batches)
		case h.step != first.step:
			return mismatch("rank %d makes step %d, but rank 0 makes step %d: call Model for each "+
				"step on all ranks", rank, h.step, first.step)
		case h.model != first.model:
			return mismatch("the models of ranks %d and 0 differ in the names, dtypes or shapes "+
				"of their parameters: build the same model on all ranks", rank)
		case (h.flags^first.flags)&state != 0:
			return mismatch("only one of ranks %d and 0 passed a solver to Start: pass a solver "+
				"on all ranks, or nil on all ranks", rank)
		case (h.flags^first.flags)&checked != 0:
			return mismatch("ranks %d and 0 have different values of CheckEvery: set the same "+
				"value on all ranks", rank)
		}
	}
	return nil
}

// diverged returns ErrDiverged if the weights of a rank differ from the weights of rank 0.
func diverged(headers []header) error {
	for rank, h := range headers {
		if h.weights != headers[0].weights {
			return fmt.Errorf("%w: the weights of ranks %d and 0 differ in step %d: call Start "+
				"before the first step, and make the same changes of the weights on all ranks",
				ErrDiverged, rank, h.step)
		}
	}
	return nil
}
