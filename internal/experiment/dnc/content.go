package dnc

import (
	"math"

	"github.com/l4-go/l4/internal/op"
)

// epsilon is added to norms and usages, so that they are not 0.
const epsilon = 1e-6

// content computes the content weights: how similar each slot of the memory is to a key. For each
// head they are
//
//	softmax over the slots of strength·(key·slot) / (‖key‖·‖slot‖ + epsilon).
//
// Its inputs are the memory and the interface.
type content[T op.Float] struct {
	Size
	layout
	heads           int
	keys, strengths int // indices of the first key and the first strength in the interface

	slotNorms, keyNorms, cosines []T
}

func newContent[T op.Float](s Size, l layout, heads, keys, strengths int) *content[T] {
	return &content[T]{
		Size: s, layout: l, heads: heads, keys: keys, strengths: strengths,
		slotNorms: make([]T, s.Batch*s.Slots), keyNorms: make([]T, s.Batch*heads),
		cosines: make([]T, s.Batch*heads*s.Slots),
	}
}

func (p *content[T]) forward(y []T, in [][]T) {
	for n := range p.slotNorms {
		p.slotNorms[n] = norm(in[0][n*p.Width:][:p.Width])
	}
	for b := range p.Batch {
		row := in[1][b*p.size:][:p.size]
		memory, norms := in[0][b*p.Slots*p.Width:], p.slotNorms[b*p.Slots:][:p.Slots]
		for r := range p.heads {
			at := b*p.heads + r
			key, strength := p.key(row, r), row[p.strengths+r]
			weights, cosines := y[at*p.Slots:][:p.Slots], p.cosines[at*p.Slots:][:p.Slots]
			p.keyNorms[at] = norm(key)
			for n, slotNorm := range norms {
				slot := memory[n*p.Width:][:p.Width]
				cosines[n] = dot(key, slot) / (p.keyNorms[at]*slotNorm + epsilon)
				weights[n] = strength * cosines[n]
			}
			softmax(weights)
		}
	}
}

func (p *content[T]) backward(grads, in [][]T, y, dy []T) {
	for b := range p.Batch {
		row, drow := in[1][b*p.size:][:p.size], grads[1][b*p.size:][:p.size]
		memory, dmemory := in[0][b*p.Slots*p.Width:], grads[0][b*p.Slots*p.Width:]
		norms := p.slotNorms[b*p.Slots:][:p.Slots]
		for r := range p.heads {
			at := b*p.heads + r
			key, dkey, strength := p.key(row, r), p.key(drow, r), row[p.strengths+r]
			weights, dweights := y[at*p.Slots:][:p.Slots], dy[at*p.Slots:][:p.Slots]
			keyNorm, mean := p.keyNorms[at], dot(weights, dweights)
			var dstrength, dkeyNorm T
			for n, slotNorm := range norms {
				slot, dslot := memory[n*p.Width:][:p.Width], dmemory[n*p.Width:][:p.Width]
				cosine := p.cosines[at*p.Slots+n]
				d := weights[n] * (dweights[n] - mean)
				dstrength += d * cosine
				d *= strength / (keyNorm*slotNorm + epsilon) // of the dot product
				dkeyNorm -= d * cosine * slotNorm
				alongSlot := d * cosine * keyNorm / slotNorm
				for w, k := range key {
					dkey[w] += d * slot[w]
					dslot[w] += d*k - alongSlot*slot[w]
				}
			}
			drow[p.strengths+r] += dstrength
			addScaled(dkey, dkeyNorm/keyNorm, key)
		}
	}
}

// key returns a head's key in a row of the interface.
func (p *content[T]) key(row []T, head int) []T {
	return row[p.keys+head*p.Width:][:p.Width]
}

func norm[T op.Float](x []T) T { return T(math.Sqrt(float64(dot(x, x) + epsilon))) }
