package dist

import (
	"fmt"
	"sync"

	"github.com/pkg/errors"
)

// Local returns one engine per rank for ranks that are goroutines of one process. Use it in tests,
// and to try out a program without MPI. It panics if the number of ranks is negative.
func Local(ranks int) []Engine {
	if ranks < 0 {
		panic(fmt.Sprintf("dist: Local(%d): the number of ranks is negative", ranks))
	}
	g := &group{sent: make([][]byte, ranks), received: make([][]byte, ranks)}
	g.arrived = sync.NewCond(&g.mu)
	var engines []Engine
	for rank := range ranks {
		engines = append(engines, &local{g, rank})
	}
	return engines
}

// group is the memory that the engines of all ranks share.
type group struct {
	mu             sync.Mutex
	arrived        *sync.Cond
	sent, received [][]byte // by rank
	waiting        int      // number of ranks that wait in this round
	round          int      // number of completed calls
	aborted        bool
}

type local struct {
	*group
	rank int
}

// meet waits for all ranks. The last rank to arrive moves the bytes while the others wait.
func (l *local) meet(in, out []byte, move func()) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent[l.rank], l.received[l.rank] = in, out
	l.waiting++
	round := l.round
	if l.waiting == l.Size() {
		move()
		l.waiting = 0
		l.round++
		l.arrived.Broadcast()
	}
	for round == l.round && !l.aborted {
		l.arrived.Wait()
	}
	if l.aborted {
		return errors.New("a rank has aborted the job")
	}
	return nil
}

func (l *local) Rank() int { return l.rank }
func (l *local) Size() int { return len(l.sent) }

func (l *local) AllGather(in, out []byte) error {
	return l.meet(in, out, func() {
		for _, to := range l.received {
			for _, from := range l.sent {
				to = to[copy(to, from):]
			}
		}
	})
}

func (l *local) AllToAll(in, out []byte) error {
	n := len(in) / l.Size()
	return l.meet(in, out, func() {
		for r, to := range l.received {
			for _, from := range l.sent {
				to = to[copy(to, from[r*n:(r+1)*n]):]
			}
		}
	})
}

func (l *local) Broadcast(b []byte) error {
	return l.meet(b, b, func() {
		for _, to := range l.received[1:] {
			copy(to, l.sent[0])
		}
	})
}

func (l *local) Finalize() error                  { return nil }
func (l *local) Memory(bytes int) ([]byte, error) { return make([]byte, bytes), nil }

func (l *local) Abort() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.aborted = true
	l.arrived.Broadcast()
}
