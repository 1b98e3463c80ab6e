package kernel

import (
	"math"
	"runtime"
	"sync"
	"sync/atomic"
)

const (
	// blockLen is the number of elements of a block. It is fixed, so that partial sums do not depend on
	// the number of cores.
	blockLen = 8192
	// soloBlocks is the number of blocks up to which waking a second core, and moving what the first has in its
	// cache, costs more than it saves.
	soloBlocks = 64
)

// Blocks lays the tensors of a model end to end and cuts the row into blocks of equal length, over which
// Sum runs on all cores. It may not be used from two goroutines at once.
type Blocks struct {
	spans   []Span
	first   []int // block b owns spans[first[b]:first[b+1]]
	partial []float64

	f        func(spans []Span) float64
	backward bool
	next     atomic.Int64
	done     sync.WaitGroup
	help     func() // work plus done, made once so that starting a goroutine allocates nothing
}

// Span is the part of a tensor that lies in one block.
type Span struct{ Tensor, Lo, Hi int }

// NewBlocks cuts tensors of the given numbers of elements.
func NewBlocks(lengths []int) *Blocks {
	b := &Blocks{first: []int{0}}
	room := blockLen
	for t, n := range lengths {
		for lo := 0; lo < n; {
			hi := min(n, lo+room)
			b.spans = append(b.spans, Span{t, lo, hi})
			room -= hi - lo
			if room == 0 {
				b.first = append(b.first, len(b.spans))
				room = blockLen
			}
			lo = hi
		}
	}
	if last := len(b.first) - 1; b.first[last] < len(b.spans) {
		b.first = append(b.first, len(b.spans))
	}
	b.partial = make([]float64, len(b.first)-1)
	b.help = func() {
		b.work()
		b.done.Done()
	}
	return b
}

// Sum calls f once for every block and adds the results block by block, with compensation, so that neither
// their order nor the size of the model tells in the sum. Each Sum begins where the last one ended, with what
// that has left in the cache.
func (b *Blocks) Sum(f func(spans []Span) float64) float64 {
	b.f, b.backward = f, !b.backward
	b.next.Store(0)
	if n := len(b.partial); n > soloBlocks {
		helpers := min(runtime.GOMAXPROCS(0), n) - 1
		b.done.Add(helpers)
		for range helpers {
			go b.help()
		}
	}
	b.work()
	b.done.Wait()
	b.f = nil
	return compensatedSum(b.partial)
}

// work takes blocks until none is left.
func (b *Blocks) work() {
	for {
		i := int(b.next.Add(1)) - 1
		if i >= len(b.partial) {
			return
		}
		if b.backward {
			i = len(b.partial) - 1 - i
		}
		b.partial[i] = b.f(b.spans[b.first[i]:b.first[i+1]])
	}
}

// compensatedSum is Neumaier's: the rounding error of each addition is kept and added at the end.
func compensatedSum(xs []float64) float64 {
	sum, lost := 0.0, 0.0
	for _, x := range xs {
		t := sum + x
		if math.Abs(sum) >= math.Abs(x) {
			lost += (sum - t) + x
		} else {
			lost += (x - t) + sum
		}
		sum = t
	}
	if math.IsInf(sum, 0) {
		return sum // lost is Inf - Inf
	}
	return sum + lost
}
