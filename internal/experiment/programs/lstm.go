package programs

import (
	"fmt"
	"math/rand/v2"

	"gonum.org/v1/gonum/floats"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// lstm runs on a Lisp machine, like the LSTM of Gorgonia's examples. Each run of the graph needs a
// new Lisp machine.
var lstm = Program{
	Name: "lstm", Title: "LSTM that recalls the first symbol, on a Lisp machine",
	Author: adam(0.01),
	Metric: Metric{Name: "accuracy, %", Higher: true, Good: 95},
	Steps:  1200,
	New:    newLSTM,
}

func newLSTM(r *rand.Rand, newSolver NewSolver) Train {
	const length, classes, symbols, hidden = 6, 4, 8, 16
	n := newNet(r, tensor.Float32)
	var inputs G.Nodes
	for t := range length {
		inputs = append(inputs, n.input(fmt.Sprint("x", t), 1, symbols))
	}
	target := n.input("y", 1, classes)
	p := G.Must(G.SoftMax(n.project(n.lstm(inputs, hidden), classes)))
	loss := G.Must(G.Neg(G.Must(G.Sum(G.Must(G.HadamardProd(G.Must(G.Log(p)), target))))))
	solver := newSolver(loss)

	// load draws a sequence, sets the inputs, and returns the first symbol. The first symbol is
	// from the first half of the symbols, and the other symbols are from the second half.
	load := func() int {
		first := r.IntN(classes)
		symbol := first
		for _, x := range inputs {
			n.let(x, oneHot(symbol, symbols))
			symbol = classes + r.IntN(symbols-classes)
		}
		n.let(target, oneHot(first, classes))
		return first
	}
	model := G.NodesToValueGrads(n.params)
	return func(steps int) (float64, error) {
		for range steps {
			load()
			vm := G.NewLispMachine(n.g)
			if err := vm.RunAll(); err != nil {
				return 0, err
			}
			solver.Step(model)
			vm.Close()
		}
		const tests = 200
		right := 0
		for range tests {
			first := load()
			vm := G.NewLispMachine(n.g, G.ExecuteFwdOnly())
			if err := vm.RunAll(); err != nil {
				return 0, err
			}
			if floats.MaxIdx(values(p.Value())) == first {
				right++
			}
			vm.Close()
		}
		return 100 * float64(right) / tests, nil
	}
}

// lstm adds a layer of LSTM cells and returns its last output.
func (n *net) lstm(inputs G.Nodes, hidden int) *G.Node {
	size := inputs[0].Shape()[1]
	var wx, wh, b [4]*G.Node // input gate, forget gate, output gate and candidate
	for i := range wx {
		wx[i], wh[i] = n.param(glorot(n.r), size, hidden), n.param(glorot(n.r), hidden, hidden)
		b[i] = n.param(G.Zeroes(), 1, hidden)
	}
	h, cell := n.input("h", 1, hidden), n.input("cell", 1, hidden)
	for _, x := range inputs {
		gate := func(i int, f func(*G.Node) (*G.Node, error)) *G.Node {
			sum := G.Must(G.Add(G.Must(G.Mul(x, wx[i])), G.Must(G.Mul(h, wh[i]))))
			return G.Must(f(G.Must(G.Add(sum, b[i]))))
		}
		in, forget, out := gate(0, G.Sigmoid), gate(1, G.Sigmoid), gate(2, G.Sigmoid)
		fresh := G.Must(G.HadamardProd(in, gate(3, G.Tanh)))
		cell = G.Must(G.Add(G.Must(G.HadamardProd(forget, cell)), fresh))
		h = G.Must(G.HadamardProd(out, G.Must(G.Tanh(cell))))
	}
	return h
}

// project adds a fully connected layer for a single row.
func (n *net) project(x *G.Node, out int) *G.Node {
	w, b := n.param(glorot(n.r), x.Shape()[1], out), n.param(G.Zeroes(), 1, out)
	return G.Must(G.Add(G.Must(G.Mul(x, w)), b))
}
