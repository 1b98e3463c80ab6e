package dnc

import (
	"cmp"
	"slices"

	"github.com/l4-go/l4/internal/op"
)

// usage computes how much each slot is used,
//
//	(usage + (1 - usage)·write)·∏ (1 - free·read), with the product over the heads.
//
// Its inputs are the previous usage, write weights and read weights, and the interface.
type usage[T op.Float] struct {
	Size
	layout
}

func (p usage[T]) forward(y []T, in [][]T) {
	for b := range p.Batch {
		free := in[3][b*p.size+p.free:][:p.Heads]
		for n := range p.Slots {
			i := b*p.Slots + n
			u := in[0][i] + (1-in[0][i])*in[1][i]
			for r, f := range free {
				u *= 1 - f*in[2][(b*p.Heads+r)*p.Slots+n]
			}
			y[i] = u
		}
	}
}

func (p usage[T]) backward(grads, in [][]T, _, dy []T) {
	for b := range p.Batch {
		at := b*p.size + p.free
		free, dfree := in[3][at:][:p.Heads], grads[3][at:][:p.Heads]
		for n := range p.Slots {
			i := b*p.Slots + n
			u, w := in[0][i], in[1][i]
			written, share := u+(1-u)*w, T(1)
			for r, f := range free {
				share *= 1 - f*in[2][(b*p.Heads+r)*p.Slots+n]
			}
			grads[0][i] += dy[i] * share * (1 - w)
			if grads[1] != nil {
				grads[1][i] += dy[i] * share * (1 - u)
			}
			for r, f := range free {
				others := T(1) // the product without this head, which may be 0
				for s, g := range free {
					if s != r {
						others *= 1 - g*in[2][(b*p.Heads+s)*p.Slots+n]
					}
				}
				d := -dy[i] * written * others
				dfree[r] += d * in[2][(b*p.Heads+r)*p.Slots+n]
				grads[2][(b*p.Heads+r)*p.Slots+n] += d * f
			}
		}
	}
}

// detach returns its input and stops the gradient.
type detach[T op.Float] struct{}

func (detach[T]) forward(y []T, in [][]T)       { copy(y, in[0]) }
func (detach[T]) backward(_, _ [][]T, _, _ []T) {}

// allocation computes weights that prefer free slots. With the slots sorted by ascending usage they
// are
//
//	(1 - usage)·∏ usage, with the product over the earlier slots.
//
// The sort is stable. The gradient treats the order as constant.
type allocation[T op.Float] struct {
	Size
	order    []int // of the slots, for each sample of the batch
	unused   []T
	products []T // in that order
}

func newAllocation[T op.Float](s Size) *allocation[T] {
	n := s.Batch * s.Slots
	return &allocation[T]{s, make([]int, n), make([]T, n), make([]T, n)}
}

func (p *allocation[T]) forward(y []T, in [][]T) {
	for at := 0; at < len(y); at += p.Slots {
		order, unused := p.order[at:][:p.Slots], p.unused[at:][:p.Slots]
		for n := range order {
			order[n] = n
			unused[n] = 1 - (epsilon + (1-epsilon)*in[0][at+n])
		}
		slices.SortStableFunc(order, func(n, m int) int {
			return cmp.Compare(unused[m], unused[n])
		})
		product := T(1)
		for k, n := range order {
			p.products[at+k] = product
			y[at+n] = unused[n] * product
			product *= 1 - unused[n]
		}
	}
}

// backward computes the gradient by the recursion of the products in reverse. It does not divide by
// the products, because they are often 0.
func (p *allocation[T]) backward(grads, _ [][]T, y, dy []T) {
	for at := 0; at < len(y); at += p.Slots {
		var dproduct T // with respect to the product over the slots up to this one
		for k := p.Slots - 1; k >= 0; k-- {
			n := p.order[at+k]
			unused, product := p.unused[at+n], p.products[at+k]
			grads[0][at+n] += (1 - epsilon) * (dproduct*product - dy[at+n]*product)
			dproduct = dy[at+n]*unused + dproduct*(1-unused)
		}
	}
}
