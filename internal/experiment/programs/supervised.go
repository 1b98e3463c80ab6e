package programs

import (
	"math/rand/v2"

	"gonum.org/v1/gonum/floats"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/experiment/compare"
)

// supervised is a program that learns y from x in batches, in the order of the rows.
type supervised struct {
	dt           tensor.Dtype
	x, y         table
	testX, testY table // an integer number of batches
	batch        int

	predict func(n *net, x *G.Node) *G.Node
	loss    loss
	// metric is the program's, from the predictions for all rows of the test and their targets.
	metric func(pred, y table) float64
}

// loss adds the loss of predictions to a net.
type loss func(n *net, pred, y *G.Node) *G.Node

// program is what Program.New returns.
func (s supervised) program(r *rand.Rand, newSolver NewSolver) Train {
	n := newNet(r, s.dt)
	x, y := n.input("x", s.batch, s.x.cols), n.input("y", s.batch, s.y.cols)
	pred := s.predict(n, x)
	var predicted G.Value
	G.Read(pred, &predicted)
	loss := s.loss(n, pred, y)
	vm, solver := n.machine(loss), newSolver(loss)

	next := cycle(s.batch, s.x.rows())
	return func(steps int) (float64, error) {
		defer vm.Close()
		err := n.fit(vm, solver, steps, func() {
			rows := next()
			n.let(x, s.x.pick(rows))
			n.let(y, s.y.pick(rows))
		})
		if err != nil {
			return 0, err
		}
		all := table{cols: pred.Shape()[1]}
		for next := cycle(s.batch, s.testX.rows()); all.rows() < s.testX.rows(); vm.Reset() {
			n.let(x, s.testX.pick(next()))
			if err := vm.RunAll(); err != nil {
				return 0, err
			}
			all.data = append(all.data, values(predicted)...)
		}
		return s.metric(all, s.testY), nil
	}
}

// rootMeanSquareError is a metric of regressions.
func rootMeanSquareError(pred, y table) float64 {
	differences := make([]float64, len(y.data))
	for i := range differences {
		differences[i] = pred.data[i] - y.data[i]
	}
	return rootMeanSquare(differences)
}

// accuracy is the share, in per cent, of rows whose largest elements are in the same column.
func accuracy(pred, y table) float64 {
	labels := make([]byte, y.rows())
	for i := range labels {
		labels[i] = byte(floats.MaxIdx(y.row(i)))
	}
	return 100 * float64(compare.Right(pred.data, labels)) / float64(len(labels))
}

// meanSquare is the loss of most regressions.
func meanSquare(_ *net, pred, y *G.Node) *G.Node {
	return G.Must(G.Mean(G.Must(G.Square(G.Must(G.Sub(pred, y))))))
}
