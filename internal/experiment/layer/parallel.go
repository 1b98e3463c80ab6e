package layer

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// workers are goroutines that share a module's work, each with its own scratch memory. The
// memory grows with GOMAXPROCS and is used again in the next run.
type workers[S any] struct {
	create  func() *S
	scratch []*S
}

func newWorkers[S any](create func() *S) workers[S] { return workers[S]{create: create} }

// each calls f for the tasks 0 to n-1, on all cores. Calls with the same scratch memory come one
// after the other. Chance decides which task gets which scratch memory, so no result may depend on
// it.
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

// chunks is the number of parts of a batch whose gradients of the weights are summed separately. It
// is fixed, so that the sum is the same on any number of cores.
const chunks = 8

// eachImage calls f for the images of a batch. Images of the same chunk come one after the other.
func (w *workers[S]) eachImage(images int, f func(scratch *S, chunk, image int)) {
	w.each(chunks, func(scratch *S, chunk int) {
		for i := chunk * images / chunks; i < (chunk+1)*images/chunks; i++ {
			f(scratch, chunk, i)
		}
	})
}
