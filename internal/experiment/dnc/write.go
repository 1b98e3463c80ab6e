package dnc

import "github.com/l4-go/l4/internal/op"

// writeWeights computes how far each slot is written,
//
//	write gate·(allocation gate·allocation + (1 - allocation gate)·content).
//
// Its inputs are the allocation, the content weights of the write key, and the interface.
type writeWeights[T op.Float] struct {
	Size
	layout
}

func (p writeWeights[T]) forward(y []T, in [][]T) {
	for b := range p.Batch {
		row := in[2][b*p.size:]
		write, allocate := row[p.writeGate], row[p.allocationGate]
		for i := b * p.Slots; i < (b+1)*p.Slots; i++ {
			y[i] = write * (allocate*in[0][i] + (1-allocate)*in[1][i])
		}
	}
}

func (p writeWeights[T]) backward(grads, in [][]T, _, dy []T) {
	for b := range p.Batch {
		row, drow := in[2][b*p.size:], grads[2][b*p.size:]
		write, allocate := row[p.writeGate], row[p.allocationGate]
		for i := b * p.Slots; i < (b+1)*p.Slots; i++ {
			a, c := in[0][i], in[1][i]
			grads[0][i] += dy[i] * write * allocate
			grads[1][i] += dy[i] * write * (1 - allocate)
			drow[p.writeGate] += dy[i] * (allocate*a + (1-allocate)*c)
			drow[p.allocationGate] += dy[i] * write * (a - c)
		}
	}
}

// write computes the new memory. Each slot is slot·(1 - weight·erase) + weight·vector. Its inputs
// are the previous memory, the write weights and the interface.
type write[T op.Float] struct {
	Size
	layout
}

func (p write[T]) forward(y []T, in [][]T) {
	for i, weight := range in[1] {
		row := in[2][i/p.Slots*p.size:]
		erase, vector := row[p.erase:][:p.Width], row[p.writeVector:][:p.Width]
		slot, to := in[0][i*p.Width:][:p.Width], y[i*p.Width:][:p.Width]
		for w, x := range slot {
			to[w] = x*(1-weight*erase[w]) + weight*vector[w]
		}
	}
}

func (p write[T]) backward(grads, in [][]T, _, dy []T) {
	for i, weight := range in[1] {
		at := i / p.Slots * p.size
		erase, vector := in[2][at+p.erase:][:p.Width], in[2][at+p.writeVector:][:p.Width]
		derase, dvector := grads[2][at+p.erase:][:p.Width], grads[2][at+p.writeVector:][:p.Width]
		slot, dslot := in[0][i*p.Width:][:p.Width], grads[0][i*p.Width:][:p.Width]
		var dweight T
		for w, d := range dy[i*p.Width:][:p.Width] {
			dslot[w] += d * (1 - weight*erase[w])
			dweight += d * (vector[w] - slot[w]*erase[w])
			derase[w] -= d * slot[w] * weight
			dvector[w] += d * weight
		}
		grads[1][i] += dweight
	}
}
