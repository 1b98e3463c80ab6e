package dnc

import (
	"math"

	"github.com/l4-go/l4/internal/op"
)

// The controller is an LSTM of three operations: gates, then cell and hidden. Rows of gates hold
// the input gate, the candidate, the forget gate and the output gate.

// forgetBias is added to the input of the forget gate, so that the cell forgets little at first.
const forgetBias = 1

// gates computes the gates from the output of a linear layer.
type gates[T op.Float] struct{ hidden int }

func (p gates[T]) forward(y []T, in [][]T) {
	h := p.hidden
	for x := in[0]; len(x) > 0; x, y = x[4*h:], y[4*h:] {
		for k, v := range x[:h] {
			y[k] = sigmoid(v)
		}
		for k := h; k < 2*h; k++ {
			y[k] = T(math.Tanh(float64(x[k])))
		}
		for k := 2 * h; k < 3*h; k++ {
			y[k] = sigmoid(x[k] + forgetBias)
		}
		for k := 3 * h; k < 4*h; k++ {
			y[k] = sigmoid(x[k])
		}
	}
}

func (p gates[T]) backward(grads, _ [][]T, y, dy []T) {
	h := p.hidden
	for dx := grads[0]; len(dx) > 0; dx, y, dy = dx[4*h:], y[4*h:], dy[4*h:] {
		for k, v := range y[:4*h] {
			slope := v * (1 - v)
			if k/h == 1 {
				slope = 1 - v*v
			}
			dx[k] += dy[k] * slope
		}
	}
}

// cell computes the state of the LSTM, forget·cell + input·candidate. Its inputs are the gates and
// the previous state.
type cell[T op.Float] struct{ hidden int }

func (p cell[T]) forward(y []T, in [][]T) {
	h := p.hidden
	c := in[1]
	for g := in[0]; len(g) > 0; g, c, y = g[4*h:], c[h:], y[h:] {
		input, candidate, forget := g[:h], g[h:][:h], g[2*h:][:h]
		for k, x := range c[:h] {
			y[k] = forget[k]*x + input[k]*candidate[k]
		}
	}
}

func (p cell[T]) backward(grads, in [][]T, _, dy []T) {
	h := p.hidden
	dg, c, dc := grads[0], in[1], grads[1]
	for g := in[0]; len(g) > 0; g, dg, c, dc, dy = g[4*h:], dg[4*h:], c[h:], dc[h:], dy[h:] {
		for k, d := range dy[:h] {
			dg[k] += d * g[h+k]
			dg[h+k] += d * g[k]
			dg[2*h+k] += d * c[k]
			dc[k] += d * g[2*h+k]
		}
	}
}

// hidden computes the output of the LSTM, output·tanh(cell). Its inputs are the gates and the
// state.
type hidden[T op.Float] struct {
	hidden int
	tanh   []T
}

func (p *hidden[T]) forward(y []T, in [][]T) {
	h := p.hidden
	for i, x := range in[1] {
		p.tanh[i] = T(math.Tanh(float64(x)))
		y[i] = in[0][i/h*4*h+3*h+i%h] * p.tanh[i]
	}
}

func (p *hidden[T]) backward(grads, in [][]T, _, dy []T) {
	h := p.hidden
	for i, d := range dy {
		gate := i/h*4*h + 3*h + i%h
		grads[0][gate] += d * p.tanh[i]
		grads[1][i] += d * in[0][gate] * (1 - p.tanh[i]*p.tanh[i])
	}
}

// clip limits each element to the range from -limit to limit.
type clip[T op.Float] struct{ limit T }

func (p clip[T]) forward(y []T, in [][]T) {
	for i, x := range in[0] {
		y[i] = max(-p.limit, min(x, p.limit))
	}
}

func (p clip[T]) backward(grads, in [][]T, _, dy []T) {
	for i, x := range in[0] {
		if -p.limit <= x && x <= p.limit {
			grads[0][i] += dy[i]
		}
	}
}

func sigmoid[T op.Float](x T) T { return T(1 / (1 + math.Exp(-float64(x)))) }
