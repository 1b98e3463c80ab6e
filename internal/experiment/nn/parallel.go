package nn

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// crew is the memory of the goroutines that share a module's work. It grows with GOMAXPROCS, and
// keeps what it has for the next run.
type crew[S any] struct {
	create  func() *S
	members []*S
}

func newCrew[S any](create func() *S) crew[S] { return crew[S]{create: create} }

// each calls f for the pieces of a work from 0 to n-1, on all cores. Calls with the same scratch
// memory come one after the other. Which piece gets which scratch is left to chance, so no result
// may depend on it.
func (c *crew[S]) each(n int, f func(scratch *S, piece int)) {
	workers := min(n, runtime.GOMAXPROCS(0))
	for len(c.members) < workers {
		c.members = append(c.members, c.create())
	}
	var next atomic.Int64
	work := func(scratch *S) {
		for piece := int(next.Add(1)) - 1; piece < n; piece = int(next.Add(1)) - 1 {
			f(scratch, piece)
		}
	}
	var others sync.WaitGroup
	for _, scratch := range c.members[min(1, workers):workers] {
		others.Go(func() { work(scratch) })
	}
	if workers > 0 {
		work(c.members[0])
	}
	others.Wait()
}

// chunks is the number of parts of a batch whose gradients of the weights are summed apart. It is
// fixed, so that the sum is the same on any number of cores.
const chunks = 8

// eachImage calls f for the images of a batch, those of a chunk one after the other.
func (c *crew[S]) eachImage(images int, f func(scratch *S, chunk, image int)) {
	c.each(chunks, func(scratch *S, chunk int) {
		for i := chunk * images / chunks; i < (chunk+1)*images/chunks; i++ {
			f(scratch, chunk, i)
		}
	})
}
