package layer

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// workers runs the tasks of a module in goroutines, each with its own scratch memory. The amount of
// memory grows with GOMAXPROCS, and later runs use the same memory.
type workers[S any] struct {
	create  func() *S
	scratch []*S
}

func newWorkers[S any](create func() *S) workers[S] { return workers[S]{create: create} }

// each calls f for the tasks 0 to n-1, on all cores. Calls with the same scratch memory do not
// overlap. The assignment of scratch memory to tasks is random, so no result may depend on it.
func (w *workers[S]) each(n int, f func(scratch *S, task int)) {
	count := min(n, runtime.GOMAXPROCS(0))
	for len(w.scratch) < count {
		w.scratch = append(w.scratch, w.create())
	}
	var next atomic.Int64
	work := func(scratch *S) {
		for task := int(next.Add(1)) - 1; task < n; task = int(next.Add(1)) - 1 {
			f(scratch, task)
		}
	}
	var others sync.WaitGroup
	for _, scratch := range w.scratch[min(1, count):count] {
		others.Go(func() { work(scratch) })
	}
	if count > 0 {
		work(w.scratch[0])
	}
	others.Wait()
}

// chunks is the number of parts of a batch whose weight gradients are summed separately. It is
// fixed, so that the sum has the same bits on any number of cores.
const chunks = 8

// eachImage calls f for the images of a batch. Calls for images of the same chunk do not overlap.
func (w *workers[S]) eachImage(images int, f func(scratch *S, chunk, image int)) {
	w.each(chunks, func(scratch *S, chunk int) {
		for i := chunk * images / chunks; i < (chunk+1)*images/chunks; i++ {
			f(scratch, chunk, i)
		}
	})
}
