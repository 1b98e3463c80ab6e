package flat

import (
	"math"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/l4-go/l4/internal/kernel"
)

// Part is the input of a pass: the elements of one tensor in one block.
type Part[T kernel.Float] struct {
	W, G   []T // weights and gradients, in row-major order
	Tensor int // index of the tensor in the model
	Lo     int // index of the first element in the tensor
}

// Pass is a computation on each part of a model, with a function for each dtype. Sum sums the
// results x of all parts, and the results y.
type Pass struct {
	F32 func(*Part[float32]) (x, y float64)
	F64 func(*Part[float64]) (x, y float64)
}

// NewPass returns a pass that calls f32 or f64 with s and the part. Create each pass once per
// solver, so that a step does not allocate memory.
func NewPass[S any](s S, f32 func(S, *Part[float32]) (x, y float64),
	f64 func(S, *Part[float64]) (x, y float64)) Pass {
	return Pass{
		F32: func(p *Part[float32]) (x, y float64) { return f32(s, p) },
		F64: func(p *Part[float64]) (x, y float64) { return f64(s, p) },
	}
}

const (
	// blockLen is the number of elements of a block. It is constant, so that partial sums do not
	// depend on the number of cores.
	blockLen = 8192
	// soloBlocks is the largest number of blocks for which one core is faster than several cores.
	// A second core takes time to wake, and its cache does not have the data.
	soloBlocks = 64
)

// blocks divides the sequence of all elements of a model into blocks of equal length. sum runs a
// pass over the blocks on all cores. Two goroutines must not use one blocks at the same time.
type blocks struct {
	spans   []span
	tensors []int        // tensor t has spans[tensors[t]:tensors[t+1]]
	first   []int        // block b has spans[first[b]:first[b+1]]
	partial [2][]float64 // the sums of x and of y over each block

	pass     Pass
	one32    Part[float32] // scratch memory of find
	one64    Part[float64]
	backward bool // the direction of this pass
	next     atomic.Int64
	done     sync.WaitGroup
	help     func() // calls work and done.Done; created once, so that a step does not allocate
}

// span is the elements lo to hi of a tensor, in one block. The Part of the other dtype is nil.
type span struct {
	lo, hi int
	f32    *Part[float32]
	f64    *Part[float64]
}

func (s *span) run(p *Pass) (x, y float64) {
	if s.f32 != nil {
		return p.F32(s.f32)
	}
	return p.F64(s.f64)
}

func newBlocks(tensors []Tensor) *blocks {
	b := &blocks{first: []int{0}}
	room := blockLen
	for _, t := range tensors {
		b.tensors = append(b.tensors, len(b.spans))
		for lo, n := 0, t.Size(); lo < n; {
			hi := min(n, lo+room)
			s := span{lo: lo, hi: hi}
			if t.Dtype == Float32 {
				s.f32 = new(Part[float32])
			} else {
				s.f64 = new(Part[float64])
			}
			b.spans = append(b.spans, s)
			room -= hi - lo
			if room == 0 {
				b.first = append(b.first, len(b.spans))
				room = blockLen
			}
			lo = hi
		}
	}
	b.tensors = append(b.tensors, len(b.spans))
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

// place sets the elements of the parts of a tensor.
func place[T kernel.Float](b *blocks, tensor int, w, g []T) {
	for i := b.tensors[tensor]; i < b.tensors[tensor+1]; i++ {
		s := &b.spans[i]
		part, ok := any(&s.f32).(**Part[T])
		if !ok {
			part = any(&s.f64).(**Part[T])
		}
		**part = Part[T]{W: w[s.lo:s.hi], Tensor: tensor, Lo: s.lo}
		if g != nil {
			(*part).G = g[s.lo:s.hi]
		}
	}
}

// sum runs a pass and sums its results. The sum of a block does not depend on the core that
// computes it, and the sum of the blocks is compensated, so that it keeps its precision in large
// models. Each pass starts where the last pass ended, because these elements are still in the
// cache.
func (b *blocks) sum(p Pass) (x, y float64) {
	b.pass = p
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
	return compensatedSum(b.partial[0]), compensatedSum(b.partial[1])
}

// work runs the pass on the next block until all blocks are done.
func (b *blocks) work() {
	for {
		i, n := int(b.next.Add(1))-1, len(b.partial[0])
		if i >= n {
			return
		}
		if b.backward {
			i = n - 1 - i
		}
		var sumX, sumY float64
		spans := b.spans[b.first[i]:b.first[i+1]]
		for k := range spans {
			x, y := spans[k].run(&b.pass)
			sumX += x
			sumY += y
		}
		b.partial[0][i], b.partial[1][i] = sumX, sumY
	}
}

// any does the work of Model.Any.
func (b *blocks) any(p Pass) bool {
	for i := range b.spans {
		if x, _ := b.spans[i].run(&p); x != 0 {
			return true
		}
	}
	return false
}

// find does the work of Model.Find.
func (b *blocks) find(p Pass) (tensor, at int, value float64) {
	for _, s := range b.spans {
		found := false
		if s.f32 != nil {
			tensor, at, value, found = findIn(s.f32, &b.one32, p.F32)
		} else {
			tensor, at, value, found = findIn(s.f64, &b.one64, p.F64)
		}
		if found {
			return tensor, at, value
		}
	}
	panic("unreachable: a pass is not 0 for a part, but 0 for each of its elements")
}

// findIn finds the element in one part.
func findIn[T kernel.Float](p, one *Part[T], f func(*Part[T]) (x, y float64)) (
	tensor, at int, value float64, found bool) {
	if x, _ := f(p); x == 0 {
		return 0, 0, 0, false
	}
	for i, w := range p.W {
		*one = Part[T]{W: p.W[i : i+1], Tensor: p.Tensor, Lo: p.Lo + i}
		value = float64(w)
		if p.G != nil {
			one.G, value = p.G[i:i+1], float64(p.G[i])
		}
		if x, _ := f(one); x != 0 {
			return p.Tensor, one.Lo, value, true
		}
	}
	return 0, 0, 0, false
}

// compensatedSum returns Neumaier's sum: it sums the rounding errors of all additions, and adds
// them at the end.
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
		return sum // lost is NaN
	}
	return sum + lost
}
