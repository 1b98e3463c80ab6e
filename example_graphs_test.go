package l4_test

import (
	"fmt"
	"log"
	"sync"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
)

// line is a graph that fits a straight line to points. Other graphs may share its weights.
type line struct {
	x, y, loss *gorgonia.Node
	nodes      gorgonia.Nodes
	weights    []gorgonia.ValueGrad // the nodes
	machine    gorgonia.VM
}

func newLine(slope, offset *tensor.Dense, points int) *line {
	g := gorgonia.NewGraph()
	node := func(name string, n int, opts ...gorgonia.NodeConsOpt) *gorgonia.Node {
		opts = append(opts, gorgonia.WithName(name), gorgonia.WithShape(n))
		return gorgonia.NewVector(g, tensor.Float64, opts...)
	}
	// Machines that run at the same time share the memory of the weights, but not the tensors.
	share := func(t *tensor.Dense) gorgonia.NodeConsOpt {
		return gorgonia.WithValue(tensor.New(tensor.WithShape(1), tensor.WithBacking(t.Data())))
	}
	l := &line{x: node("x", points), y: node("y", points)}
	a, b := node("slope", 1, share(slope)), node("offset", 1, share(offset))
	column := gorgonia.Must(gorgonia.Reshape(l.x, tensor.Shape{points, 1}))
	product := gorgonia.Must(gorgonia.Mul(column, a))
	fit := gorgonia.Must(gorgonia.BroadcastAdd(product, b, nil, []byte{0}))
	residual := gorgonia.Must(gorgonia.Sub(fit, l.y))
	l.loss = gorgonia.Must(gorgonia.Mean(gorgonia.Must(gorgonia.Square(residual))))
	l.nodes = gorgonia.Nodes{a, b}
	if _, err := gorgonia.Grad(l.loss, l.nodes...); err != nil {
		log.Fatal(err)
	}
	l.weights = gorgonia.NodesToValueGrads(l.nodes)
	l.machine = gorgonia.NewTapeMachine(g, gorgonia.BindDualValues(l.nodes...))
	return l
}

func newWeight() *tensor.Dense {
	return tensor.New(tensor.WithShape(1), tensor.Of(tensor.Float64))
}

// run evaluates the line on points of y = 2x + 1. Their x count up from the given number.
func (l *line) run(from int) {
	l.machine.Reset()
	xs, ys := make([]float64, l.x.Shape()[0]), make([]float64, l.x.Shape()[0])
	for i := range xs {
		xs[i] = float64(from+i) / 10
		ys[i] = 2*xs[i] + 1
	}
	if err := gorgonia.Let(l.x, tensor.New(tensor.WithBacking(xs))); err != nil {
		log.Fatal(err)
	}
	if err := gorgonia.Let(l.y, tensor.New(tensor.WithBacking(ys))); err != nil {
		log.Fatal(err)
	}
	if err := l.machine.RunAll(); err != nil {
		log.Fatal(err)
	}
}

// Two machines run half a batch each, at the same time. The steps equal the steps with one machine
// that runs the complete batch.
func ExampleBatches() {
	train := func(replicas, points int) (float64, float64) {
		slope, offset := newWeight(), newWeight()
		var lines []*line
		for range replicas {
			lines = append(lines, newLine(slope, offset, points))
		}
		batches := new(l4.Batches)
		solver := l4.NewL4Adam(batches)
		for range 1000 {
			var running sync.WaitGroup
			for i, l := range lines {
				running.Go(func() { l.run(i * points) })
			}
			running.Wait()
			for _, l := range lines {
				if err := batches.Add(l.loss, l.weights); err != nil {
					log.Fatal(err)
				}
			}
			if err := solver.Step(batches.Model()); err != nil {
				log.Fatal(err)
			}
		}
		return slope.Float64s()[0], offset.Float64s()[0]
	}
	a, b := train(1, 20)
	fmt.Printf("one machine:  y = %.6f x + %.6f\n", a, b)
	a, b = train(2, 10)
	fmt.Printf("two machines: y = %.6f x + %.6f\n", a, b)
	// Output:
	// one machine:  y = 1.995345 x + 1.005172
	// two machines: y = 1.995345 x + 1.005172
}

// Each number of points has a separate graph, and all graphs share one solver.
func ExampleSolver_SetLoss() {
	slope, offset := newWeight(), newWeight()
	lines := []*line{
		newLine(slope, offset, 5),
		newLine(slope, offset, 10),
		newLine(slope, offset, 20),
	}

	solver := l4.NewL4Adam(nil)
	for step := range 2000 {
		l := lines[step%3]
		l.run(0)
		solver.SetLoss(l.loss)
		if err := solver.Step(l.weights); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Printf("y = %.3f x + %.3f\n", slope.Float64s()[0], offset.Float64s()[0])
	// Output: y = 2.000 x + 1.000
}

// A framework accepts any gorgonia.Solver before it builds a graph. It builds one graph for each
// batch size and hides the losses. The solver finds the loss of each graph.
func ExampleNewL4Adam_hiddenLoss() {
	// fit stands for the framework.
	fit := func(solver gorgonia.Solver) (slope float64) {
		w, offset := newWeight(), newWeight()
		graphs := []*line{newLine(w, offset, 10), newLine(w, offset, 5)}
		for step := range 1000 {
			l := graphs[step%2]
			l.run(step % 10)
			solver.Step(l.weights)
		}
		return w.Float64s()[0]
	}
	fmt.Printf("%.1f\n", fit(l4.NewL4Adam(nil)))
	// Output: 2.0
}

// The program reads its loss from the graph and passes it to the solver as a function.
func ExampleLossFunc() {
	slope, offset := newWeight(), newWeight()
	l := newLine(slope, offset, 10)
	var value gorgonia.Value
	gorgonia.Read(l.loss, &value)
	l.machine = gorgonia.NewTapeMachine(l.loss.Graph(), gorgonia.BindDualValues(l.nodes...))

	solver := l4.NewL4Adam(l4.LossFunc(func() gorgonia.Value { return value }))
	for range 1000 {
		l.run(0)
		if err := solver.Step(l.weights); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Printf("%.1f\n", slope.Float64s()[0])
	// Output: 2.0
}

// Four micro-batches, which run one after the other, make the same step as one batch of all points.
func ExampleBatches_microBatches() {
	slope, offset := newWeight(), newWeight()
	l := newLine(slope, offset, 5)
	batches := new(l4.Batches)
	solver := l4.NewL4Adam(batches)
	for range 1000 {
		for i := range 4 {
			l.run(5 * i)
			if err := batches.Add(l.loss, l.weights); err != nil {
				log.Fatal(err)
			}
		}
		if err := solver.Step(batches.Model()); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Printf("y = %.6f x + %.6f\n", slope.Float64s()[0], offset.Float64s()[0])
	// Output: y = 1.995345 x + 1.005172
}
