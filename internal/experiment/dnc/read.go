package dnc

import "github.com/l4-go/l4/internal/op"

// readWeights computes how far each head reads each slot. It mixes, by the modes, the links times
// the previous read weights, the transposed links times the previous read weights, and the content
// weights. Its inputs are the links, the previous read weights, the content weights of the read
// keys, and the interface.
type readWeights[T op.Float] struct {
	Size
	layout
	before, after []T // weights of the slots written before and after the slots read last
}

func newReadWeights[T op.Float](s Size, l layout) *readWeights[T] {
	n := s.Batch * s.Heads * s.Slots
	return &readWeights[T]{s, l, make([]T, n), make([]T, n)}
}

func (p *readWeights[T]) forward(y []T, in [][]T) {
	n := p.Slots
	clear(p.before)
	for b := range p.Batch {
		links := in[0][b*n*n:][:n*n]
		for r := range p.Heads {
			at := (b*p.Heads + r) * n
			last, content := in[1][at:][:n], in[2][at:][:n]
			before, after := p.before[at:][:n], p.after[at:][:n]
			for i, x := range last {
				row := links[i*n:][:n]
				after[i] = dot(row, last)
				addScaled(before, x, row)
			}
			mode := p.mode(in[3], b, r)
			for i, c := range content {
				y[at+i] = mode[readBackward]*before[i] + mode[readForward]*after[i] +
					mode[readContent]*c
			}
		}
	}
}

func (p *readWeights[T]) backward(grads, in [][]T, _, dy []T) {
	n := p.Slots
	for b := range p.Batch {
		links, dlinks := in[0][b*n*n:][:n*n], grads[0][b*n*n:][:n*n]
		for r := range p.Heads {
			at := (b*p.Heads + r) * n
			last, dlast, d := in[1][at:][:n], grads[1][at:][:n], dy[at:][:n]
			mode, dmode := p.mode(in[3], b, r), p.mode(grads[3], b, r)
			dmode[readBackward] += dot(d, p.before[at:][:n])
			dmode[readForward] += dot(d, p.after[at:][:n])
			dmode[readContent] += dot(d, in[2][at:][:n])
			addScaled(grads[2][at:][:n], mode[readContent], d)
			for i, x := range last {
				row, drow := links[i*n:][:n], dlinks[i*n:][:n]
				dafter, dbefore := mode[readForward]*d[i], mode[readBackward]*x
				var dx T
				for j, dj := range d {
					drow[j] += dafter*last[j] + dbefore*dj
					dlast[j] += dafter * row[j]
					dx += dj * row[j]
				}
				dlast[i] += mode[readBackward] * dx
			}
		}
	}
}

// mode returns a head's modes in the interface of a sample.
func (p *readWeights[T]) mode(rows []T, b, head int) []T {
	return rows[b*p.size+p.modes+modes*head:][:modes]
}

// read computes the words that the heads read. Its inputs are the read weights and the memory.
type read[T op.Float] struct{ Size }

func (p read[T]) forward(y []T, in [][]T) {
	clear(y)
	for i, weight := range in[0] {
		word, slot := p.place(i)
		addScaled(y[word:][:p.Width], weight, in[1][slot:])
	}
}

func (p read[T]) backward(grads, in [][]T, _, dy []T) {
	for i, weight := range in[0] {
		word, slot := p.place(i)
		d := dy[word:][:p.Width]
		grads[0][i] += dot(d, in[1][slot:])
		addScaled(grads[1][slot:][:p.Width], weight, d)
	}
}

// place returns the indices of the word and of the slot of read weight i.
func (p read[T]) place(i int) (word, slot int) {
	head := i / p.Slots
	return head * p.Width, (head/p.Heads*p.Slots + i%p.Slots) * p.Width
}
