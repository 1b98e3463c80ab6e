package dnc

import (
	"github.com/l4-go/l4/internal/experiment/gemm"
	"github.com/l4-go/l4/internal/op"
)

// linear is a layer x·w + b that all steps share. It stores the inputs of all steps and the
// gradients of all outputs, so that the gradient of w is a single product.
type linear[T op.Float] struct {
	kernel         gemm.Kernel[T]
	batch, in, out int

	b          []T
	panels     []T // w, packed for x·w
	transposed []T // w, packed for the gradient of x
	inputs     []T // of each step
	grads      []T // of each step's output
	back       []T // gradient of the inputs of one step
	gradPanels []T // grads, packed for the gradient of w
	zeros      []T
}

func newLinear[T op.Float](steps, batch, in, out int) *linear[T] {
	rows := steps * batch
	return &linear[T]{
		kernel: gemm.Of[T](), batch: batch, in: in, out: out,
		panels: make([]T, in*gemm.RoundUp(out)), transposed: make([]T, out*gemm.RoundUp(in)),
		inputs: make([]T, rows*in), grads: make([]T, rows*out), back: make([]T, batch*in),
		gradPanels: make([]T, rows*gemm.RoundUp(out)), zeros: make([]T, max(in, out)),
	}
}

// set sets and packs the weights for a run.
func (l *linear[T]) set(w, b []T) {
	l.b = b
	gemm.Pack(l.panels, w, l.in, l.out, l.out)
	for i := 0; i < l.in; i += gemm.Cols {
		panel := l.transposed[i*l.out:][:gemm.Cols*l.out]
		gemm.PackTransposed(panel, w[i*l.out:], l.out, min(gemm.Cols, l.in-i), l.out)
	}
}

// weightGradients sets the gradients of the weights after the backward pass.
func (l *linear[T]) weightGradients(dw, db []T) {
	rows := len(l.grads) / l.out
	gemm.Pack(l.gradPanels, l.grads, rows, l.out, l.out)
	product := gemm.Product{Rows: l.in, Cols: l.out, Inner: rows, AI: 1, AK: l.in, CI: l.out}
	gemm.MultiplyPacked(l.kernel, product, l.inputs, l.gradPanels, l.zeros, dw)
	clear(db)
	for grads := l.grads; len(grads) > 0; grads = grads[l.out:] {
		l.kernel.Add(db, grads[:l.out])
	}
}

// linearStep is the layer in one step. It joins its inputs to one row for each sample of the batch.
type linearStep[T op.Float] struct {
	*linear[T]
	inputs, grads []T // of this step
}

func (l *linear[T]) at(step int) linearStep[T] {
	in, out := l.batch*l.in, l.batch*l.out
	return linearStep[T]{l, l.inputs[step*in:][:in], l.grads[step*out:][:out]}
}

func (p linearStep[T]) forward(y []T, in [][]T) {
	from := 0
	for _, x := range in {
		width := len(x) / p.batch
		for b := range p.batch {
			copy(p.inputs[b*p.in+from:][:width], x[b*width:])
		}
		from += width
	}
	product := gemm.Product{Rows: p.batch, Cols: p.out, Inner: p.in, AI: p.in, AK: 1, CI: p.out}
	gemm.MultiplyPacked(p.kernel, product, p.inputs, p.panels, p.b, y)
}

func (p linearStep[T]) backward(grads, in [][]T, _, dy []T) {
	copy(p.grads, dy)
	product := gemm.Product{Rows: p.batch, Cols: p.in, Inner: p.out, AI: p.out, AK: 1, CI: p.in}
	gemm.MultiplyPacked(p.kernel, product, dy, p.transposed, p.zeros, p.back)
	from := 0
	for k, dx := range grads {
		width := len(in[k]) / p.batch
		for i := range dx {
			dx[i] += p.back[i/width*p.in+from+i%width]
		}
		from += width
	}
}
