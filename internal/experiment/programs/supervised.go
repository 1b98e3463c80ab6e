package programs

import (
	"math/rand/v2"

	"gonum.org/v1/gonum/floats"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/experiment/compare"
)

// supervised is a program that learns y from x. The batches are in the order of the rows.
type supervised struct {
	dt           tensor.Dtype
	x, y         table
	testX, testY table // an integer number of batches
	batch        int

	predict func(n *net, x *G.Node) *G.Node
	loss    loss
	// metric computes the program's metric from the predictions and the targets of all test rows.
	metric func(pred, y table) float64
}

// loss adds the loss of the predictions to a net.
type loss func(n *net, pred, y *G.Node) *G.Node

// program builds the learner and returns the function that trains it, as Program.New does.
func (s supervised) program(r *rand.Rand, newSolver NewSolver) Train {
	l := s.learner(r)
	solver := newSolver(l.cost)
	return func(steps int) (float64, error) {
		defer l.vm.Close()
		if err := l.n.fit(l.vm, solver, steps, l.feed(s.x, s.y)); err != nil {
			return 0, err
		}
		return l.test()
	}
}

// learner is the net of a supervised program with its machine.
type learner struct {
	supervised
	n                        *net
	inputs, pred, want, cost *G.Node
	predicted                G.Value
	vm                       G.VM
}

// learner builds the net and the machine.
func (s supervised) learner(r *rand.Rand) *learner {
	l := &learner{supervised: s, n: newNet(r, s.dt)}
	l.inputs = l.n.input("x", s.batch, s.x.cols)
	l.want = l.n.input("y", s.batch, s.y.cols)
	l.pred = s.predict(l.n, l.inputs)
	G.Read(l.pred, &l.predicted)
	l.cost = s.loss(l.n, l.pred, l.want)
	l.vm = l.n.machine(l.cost)
	return l
}

// feed returns a function that sets the inputs to the next batch of x and y. The first batch begins
// with the first row.
func (l *learner) feed(x, y table) func() {
	next := cycle(l.batch, x.rows())
	return func() {
		rows := next()
		l.n.let(l.inputs, x.pick(rows))
		l.n.let(l.want, y.pick(rows))
	}
}

// test returns the program's metric.
func (l *learner) test() (float64, error) {
	all := table{cols: l.pred.Shape()[1]}
	next := cycle(l.batch, l.testX.rows())
	err := evaluate(l.vm, l.testX.rows()/l.batch,
		func() { l.n.let(l.inputs, l.testX.pick(next())) },
		func() { all.data = append(all.data, values(l.predicted)...) })
	if err != nil {
		return 0, err
	}
	l.n.zeroGrads()
	return l.metric(all, l.testY), nil
}

// rootMeanSquareError is the metric of most regressions.
func rootMeanSquareError(pred, y table) float64 {
	return rootMeanSquare(floats.SubTo(make([]float64, len(y.data)), pred.data, y.data))
}

// accuracy returns the share of the rows, in per cent, in which the largest prediction and the
// largest target are in the same column.
func accuracy(pred, y table) float64 {
	labels := make([]byte, y.rows())
	for i := range labels {
		labels[i] = byte(floats.MaxIdx(y.row(i)))
	}
	return 100 * float64(compare.Right(pred.data, labels)) / float64(len(labels))
}

// meanSquare adds the mean square error, which is the loss of most regressions.
func meanSquare(_ *net, pred, y *G.Node) *G.Node {
	return G.Must(G.Mean(G.Must(G.Square(G.Must(G.Sub(pred, y))))))
}
