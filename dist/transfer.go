package dist

import (
	"unsafe"

	"github.com/pkg/errors"

	"github.com/l4-go/l4/internal/kernel"
)

// chunk is the largest number of bytes that one call of the engine sends. It is large enough to
// make latency negligible, and small enough for the counts of MPI, which are C ints.
const chunk = 16 << 20

// room returns scratch memory of at least size bytes.
func (w *World) room(size int) ([]byte, error) {
	if len(w.scratch) < size {
		m, err := w.engine.Memory(size)
		if err != nil {
			return nil, errors.WithMessage(err, "dist")
		}
		w.scratch = m
	}
	return w.scratch, nil
}

// broadcast copies b of rank 0 to b of all ranks.
func (w *World) broadcast(b []byte) error {
	if w.Size() == 1 {
		return nil
	}
	scratch, err := w.room(min(len(b), chunk))
	// A rank that has no memory must not let the other ranks wait.
	if _, err = w.meet(header{call: call(w.call.Load())}, err); err != nil {
		return err
	}
	for len(b) > 0 {
		part := scratch[:min(len(b), chunk)]
		copy(part, b)
		if err := w.engine.Broadcast(part); err != nil {
			return w.end(err)
		}
		b = b[copy(b, part):]
	}
	return nil
}

// mean replaces x by its sum over all ranks, divided by n. Each element is summed on one rank only,
// in the order of ranks, so that all ranks get the same bits. x must be in the engine's memory, and
// its length must be a multiple of the number of ranks.
func mean[T float32 | float64](w *World, x []T, n int) error {
	ranks := w.Size()
	if ranks == 1 {
		kernel.Divide(x, n)
		return nil
	}
	most := meanChunk[T](w)
	scratch, err := w.room(meanRoom[T](w, len(x)))
	if err != nil {
		return w.end(err)
	}
	for len(x) > 0 {
		part := x[:min(len(x), most)]
		parts := elements[T](scratch)[:len(part)]
		if err := w.engine.AllToAll(bytesOf(part), bytesOf(parts)); err != nil {
			return w.end(err)
		}
		share := len(part) / ranks
		mine := parts[:share]
		for r := 1; r < ranks; r++ {
			kernel.Add(mine, parts[r*share:(r+1)*share])
		}
		kernel.Divide(mine, n)
		if err := w.engine.AllGather(bytesOf(mine), bytesOf(part)); err != nil {
			return w.end(err)
		}
		x = x[len(part):]
	}
	return nil
}

// meanChunk returns the number of elements that mean exchanges at once.
func meanChunk[T float32 | float64](w *World) int {
	var element T
	return max(1, chunk/int(unsafe.Sizeof(element))/w.Size()) * w.Size()
}

// meanRoom returns the number of bytes of scratch memory that mean needs for n elements.
func meanRoom[T float32 | float64](w *World, n int) int {
	if w.Size() == 1 {
		return 0
	}
	var element T
	return int(unsafe.Sizeof(element)) * min(n, meanChunk[T](w))
}

// padded returns n rounded up to a multiple of the number of ranks.
func (w *World) padded(n int) int { return (n + w.Size() - 1) / w.Size() * w.Size() }

// alloc returns n elements of the engine's memory.
func alloc[T float32 | float64](w *World, n int) ([]T, error) {
	if n == 0 {
		return nil, nil
	}
	var element T
	m, err := w.engine.Memory(n * int(unsafe.Sizeof(element)))
	return elements[T](m), err
}

func bytesOf[T float32 | float64](x []T) []byte {
	var element T
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(x))),
		len(x)*int(unsafe.Sizeof(element)))
}

func elements[T float32 | float64](b []byte) []T {
	var element T
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))),
		len(b)/int(unsafe.Sizeof(element)))
}
