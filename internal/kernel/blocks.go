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
// Sum and Each run on all cores. It may not be used from two goroutines at once.
type Blocks[P any] struct {
	spans   []span[P]
	first   []int        // block b owns spans[first[b]:first[b+1]]
	partial [2][]float64 // sums of each block

	sum      func(p P, lo, hi int) float64 // one of these three
	sum2     func(p P, lo, hi int) (float64, float64)
	each     func(p P, lo, hi int)
	backward bool
	next     atomic.Int64
	done     sync.WaitGroup
	help     func() // work plus done, made once so that starting a goroutine allocates nothing
}

// span is the part of a tensor that lies in one block.
type span[P any] struct {
	tensor P
	lo, hi int
}

// NewBlocks cuts tensors of the given numbers of elements.
func NewBlocks[P any](tensors []P, elements func(P) int) *Blocks[P] {
	b := &Blocks[P]{first: []int{0}}
	room := blockLen
	for _, t := range tensors {
		for lo, n := 0, elements(t); lo < n; {
			hi := min(n, lo+room)
			b.spans = append(b.spans, span[P]{t, lo, hi})
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
	for i := range b.partial {
		b.partial[i] = make([]float64, len(b.first)-1)
	}
	b.help = func() {
		b.work()
		b.done.Done()
	}
	return b
}

// Sum calls f for the elements lo to hi of each tensor, in pieces, and adds the results block by block, with
// compensation, so that neither their order nor the size of the model tells in the sum.
func (b *Blocks[P]) Sum(f func(tensor P, lo, hi int) float64) float64 {
	b.sum = f
	b.run()
	b.sum = nil
	return compensatedSum(b.partial[0])
}

// Sum2 is Sum for a function with two results.
func (b *Blocks[P]) Sum2(f func(tensor P, lo, hi int) (float64, float64)) (float64, float64) {
	b.sum2 = f
	b.run()
	b.sum2 = nil
	return compensatedSum(b.partial[0]), compensatedSum(b.partial[1])
}

// Each calls f for the elements lo to hi of each tensor, in pieces.
func (b *Blocks[P]) Each(f func(tensor P, lo, hi int)) {
	b.each = f
	b.run()
	b.each = nil
}

// run walks over all blocks, beginning where the last walk ended, with what that has left in the cache.
func (b *Blocks[P]) run() {
	b.backward = !b.backward
	b.next.Store(0)
	if n := len(b.partial[0]); n > soloBlocks {
		helpers := min(runtime.GOMAXPROCS(0), n) - 1
		b.done.Add(helpers)
		for range helpers {
			go b.help()
		}
	}
	b.work()
	b.done.Wait()
}

// work takes blocks until none is left.
func (b *Blocks[P]) work() {
	for {
		i := int(b.next.Add(1)) - 1
		if n := len(b.partial[0]); i >= n {
			return
		} else if b.backward {
			i = n - 1 - i
		}
		var sum, sum2 float64
		for _, s := range b.spans[b.first[i]:b.first[i+1]] {
			switch {
			case b.each != nil:
				b.each(s.tensor, s.lo, s.hi)
			case b.sum2 != nil:
				x, y := b.sum2(s.tensor, s.lo, s.hi)
				sum += x
				sum2 += y
			default:
				sum += b.sum(s.tensor, s.lo, s.hi)
			}
		}
		b.partial[0][i], b.partial[1][i] = sum, sum2
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
