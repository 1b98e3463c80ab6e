package dist

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/pkg/errors"
)

// header is what each rank tells all others at the beginning of each call, so that all find out
// together when they do not do the same.
type header struct {
	call    call
	flags   flags
	batches uint32  // which Batches: 1 is the first that was made
	step    uint64  // of that Batches
	model   uint64  // fingerprint of names, dtypes and shapes
	weights uint64  // checksum, if flags say so
	n       uint64  // batches added, or bytes that rank 0 broadcasts
	loss    float64 // sum over those batches
}

// call is what a rank is about to do.
type call byte

const (
	callStep call = iota + 1
	callStart
	callBroadcast
	callAgree
	callFinalize
)

func (c call) String() string {
	return [...]string{"?", "a step", "Start", "Broadcast", "Agree", "Finalize"}[c]
}

type flags byte

const (
	failed  flags = 1 << iota // something went wrong on this rank
	stop                      // the rank wants all to stop
	narrow                    // a loss is float32
	checked                   // the header has a checksum of the weights
	state                     // a solver's state is to follow
)

const (
	headerSize = 48
	textSize   = 512 // of a failure's message
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

// left returns ErrLeft if some ranks are at Finalize and others are not.
func left(headers []header) error {
	leaves := slices.IndexFunc(headers, func(h header) bool { return h.call == callFinalize })
	stays := slices.IndexFunc(headers, func(h header) bool { return h.call != callFinalize })
	if leaves < 0 || stays < 0 {
		return nil
	}
	return errors.WithMessagef(ErrLeft, "rank %d is at Finalize, rank %d at %v", leaves, stays,
		headers[stays].call)
}

// mismatch returns ErrMismatch if a rank is not about to do what rank 0 is.
func mismatch(headers []header) error {
	first := headers[0]
	for rank, h := range headers {
		mismatch := func(format string, args ...any) error {
			return errors.WithMessagef(ErrMismatch, format, args...)
		}
		switch {
		case h.call != first.call:
			return mismatch("rank %d is at %v, rank 0 at %v", rank, h.call, first.call)
		case h.batches != first.batches:
			return mismatch("rank %d steps on Batches number %d, rank 0 on number %d",
				rank, h.batches, first.batches)
		case h.step != first.step:
			return mismatch("rank %d is at step %d, rank 0 at step %d", rank, h.step, first.step)
		case h.model != first.model:
			return mismatch("the models of ranks %d and 0 differ in names, dtypes or shapes", rank)
		case (h.flags^first.flags)&state != 0:
			return mismatch("of ranks %d and 0 only one passes a solver to Start", rank)
		case (h.flags^first.flags)&checked != 0:
			return mismatch("ranks %d and 0 have different CheckEvery", rank)
		}
	}
	return nil
}

// diverged returns ErrDiverged if a rank has other weights than rank 0.
func diverged(headers []header) error {
	for rank, h := range headers {
		if h.weights != headers[0].weights {
			return errors.WithMessagef(ErrDiverged, "the weights of ranks %d and 0 differ in step "+
				"%d: call Start before the first step, and change weights on all ranks alike",
				rank, h.step)
		}
	}
	return nil
}
