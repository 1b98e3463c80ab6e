package dnc

import "github.com/l4-go/l4/internal/op"

// link computes how far slot i was written directly after slot j,
//
//	(1 - write[i] - write[j])·link[i,j] + write[i]·precedence[j], and 0 where i = j.
//
// Its inputs are the previous links, the write weights and the previous precedence.
type link[T op.Float] struct{ Size }

func (p link[T]) forward(y []T, in [][]T) {
	n := p.Slots
	write, precedence := in[1], in[2]
	for l := in[0]; len(l) > 0; l, y = l[n*n:], y[n*n:] {
		for i, w := range write[:n] {
			row, to := l[i*n:][:n], y[i*n:][:n]
			for j, x := range row {
				to[j] = (1-w-write[j])*x + w*precedence[j]
			}
			to[i] = 0
		}
		write, precedence = write[n:], precedence[n:]
	}
}

func (p link[T]) backward(grads, in [][]T, _, dy []T) {
	n := p.Slots
	dl, write, precedence := grads[0], in[1], in[2]
	dwrite, dprecedence := grads[1], grads[2]
	for l := in[0]; len(l) > 0; l, dl, dy = l[n*n:], dl[n*n:], dy[n*n:] {
		for i, w := range write[:n] {
			row, drow, drows := l[i*n:][:n], dl[i*n:][:n], dy[i*n:][:n]
			var dw T
			for j, d := range drows {
				if i == j {
					continue
				}
				drow[j] += d * (1 - w - write[j])
				dwrite[j] -= d * row[j]
				dprecedence[j] += d * w
				dw += d * (precedence[j] - row[j])
			}
			dwrite[i] += dw
		}
		write, precedence = write[n:], precedence[n:]
		dwrite, dprecedence = dwrite[n:], dprecedence[n:]
	}
}

// precedence computes how far each slot was the last written slot, (1 - Σ write)·precedence +
// write. Its inputs are the previous precedence and the write weights.
type precedence[T op.Float] struct{ Size }

func (p precedence[T]) forward(y []T, in [][]T) {
	for at := 0; at < len(y); at += p.Slots {
		write := in[1][at:][:p.Slots]
		share := 1 - sum(write)
		for n, w := range write {
			y[at+n] = share*in[0][at+n] + w
		}
	}
}

func (p precedence[T]) backward(grads, in [][]T, y, dy []T) {
	for at := 0; at < len(y); at += p.Slots {
		before, d := in[0][at:][:p.Slots], dy[at:][:p.Slots]
		addScaled(grads[0][at:][:p.Slots], 1-sum(in[1][at:][:p.Slots]), d)
		dshare := dot(before, d)
		for n, dw := range d {
			grads[1][at+n] += dw - dshare
		}
	}
}

func sum[T op.Float](x []T) (sum T) {
	for _, v := range x {
		sum += v
	}
	return sum
}
