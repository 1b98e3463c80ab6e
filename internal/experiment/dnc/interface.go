package dnc

import (
	"math"

	"github.com/l4-go/l4/internal/op"
)

// layout has the index of each part in a row of the interface, which the controller computes.
type layout struct {
	writeVector, erase, free, allocationGate, writeGate, modes int
	writeKey, writeStrength, readKeys, readStrengths           int

	size int // of a row
}

func newLayout(s Size) layout {
	var l layout
	next := func(begin *int, size int) {
		*begin = l.size
		l.size += size
	}
	next(&l.writeVector, s.Width)
	next(&l.erase, s.Width)
	next(&l.free, s.Heads)
	next(&l.allocationGate, 1)
	next(&l.writeGate, 1)
	next(&l.modes, modes*s.Heads)
	next(&l.writeKey, s.Width)
	next(&l.writeStrength, 1)
	next(&l.readKeys, s.Heads*s.Width)
	next(&l.readStrengths, s.Heads)
	return l
}

// Modes of reading. Each head mixes them.
const (
	readBackward = iota // the slot written before the slot that was read last
	readForward         // the slot written after the slot that was read last
	readContent         // the slot most similar to the key
	modes
)

// activations computes the interface from the output of the controller. Gates get a sigmoid,
// strengths a softplus, and the modes of each head a softmax. Vectors and keys do not change.
type activations[T op.Float] struct{ layout }

func (p activations[T]) forward(y []T, in [][]T) {
	for x := in[0]; len(x) > 0; x, y = x[p.size:], y[p.size:] {
		copy(y, x[:p.size])
		for k := p.erase; k < p.modes; k++ {
			y[k] = sigmoid(x[k])
		}
		for k := p.modes; k < p.writeKey; k += modes {
			softmax(y[k : k+modes])
		}
		y[p.writeStrength] = softplus(x[p.writeStrength])
		for k := p.readStrengths; k < p.size; k++ {
			y[k] = softplus(x[k])
		}
	}
}

func (p activations[T]) backward(grads, _ [][]T, y, dy []T) {
	for dx := grads[0]; len(dx) > 0; dx, y, dy = dx[p.size:], y[p.size:], dy[p.size:] {
		for k := range p.erase {
			dx[k] += dy[k]
		}
		for k := p.erase; k < p.modes; k++ {
			dx[k] += dy[k] * y[k] * (1 - y[k])
		}
		for k := p.modes; k < p.writeKey; k += modes {
			mean := dot(y[k:k+modes], dy[k:k+modes])
			for m := k; m < k+modes; m++ {
				dx[m] += y[m] * (dy[m] - mean)
			}
		}
		for k := p.writeKey; k < p.readStrengths; k++ {
			if k != p.writeStrength {
				dx[k] += dy[k]
			}
		}
		dx[p.writeStrength] += dy[p.writeStrength] * softplusSlope(y[p.writeStrength])
		for k := p.readStrengths; k < p.size; k++ {
			dx[k] += dy[k] * softplusSlope(y[k])
		}
	}
}

// softplus is log(1 + exp(x)).
func softplus[T op.Float](x T) T {
	v := float64(x)
	return T(max(v, 0) + math.Log1p(math.Exp(-math.Abs(v))))
}

// softplusSlope is the derivative of softplus as a function of the value y of softplus.
func softplusSlope[T op.Float](y T) T { return T(-math.Expm1(-float64(y))) }

// softmax replaces x by its softmax.
func softmax[T op.Float](x []T) {
	largest := x[0]
	for _, v := range x {
		largest = max(largest, v)
	}
	var sum T
	for i, v := range x {
		x[i] = T(math.Exp(float64(v - largest)))
		sum += x[i]
	}
	for i := range x {
		x[i] /= sum
	}
}

func dot[T op.Float](x, y []T) T {
	var sum T
	y = y[:len(x)]
	for i, v := range x {
		sum += v * y[i]
	}
	return sum
}

// addScaled computes y += a·x.
func addScaled[T op.Float](y []T, a T, x []T) {
	x = x[:len(y)]
	for i := range y {
		y[i] += a * x[i]
	}
}
