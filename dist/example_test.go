package dist_test

import (
	"fmt"
	"log"
	"sync"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
	"github.com/l4-go/l4/dist"
)

// Three ranks fit a straight line to points of y = 2x + 1. Each rank has its own points. Here the
// ranks are goroutines; with package mpi they are processes, also on several machines.
func Example() {
	var running sync.WaitGroup
	for _, engine := range dist.Local(3) {
		l := newLine(engine.Rank(), engine.Size()) // one after the other, as Gorgonia needs it
		running.Go(func() {
			if err := l.fit(engine); err != nil {
				log.Fatal(err)
			}
		})
	}
	running.Wait()
	// Output: y = 2.000 x + 1.000
}

// line is the graph of one rank.
type line struct {
	slope, offset, loss *gorgonia.Node
	model               []gorgonia.ValueGrad
	machine             gorgonia.VM
}

func newLine(rank, ranks int) *line {
	const points = 10 // of each rank
	xs, ys := make([]float64, points), make([]float64, points)
	for i := range xs {
		xs[i] = float64(i*ranks+rank) / float64(points*ranks)
		ys[i] = 2*xs[i] + 1
	}
	g := gorgonia.NewGraph()
	vector := func(name string, values []float64) *gorgonia.Node {
		return gorgonia.NewVector(g, tensor.Float64, gorgonia.WithName(name),
			gorgonia.WithShape(points),
			gorgonia.WithValue(tensor.New(tensor.WithBacking(values))))
	}
	scalar := func(name string) *gorgonia.Node {
		return gorgonia.NewScalar(g, tensor.Float64, gorgonia.WithName(name),
			gorgonia.WithValue(0.0))
	}
	l := &line{slope: scalar("slope"), offset: scalar("offset")}
	product := gorgonia.Must(gorgonia.Mul(vector("x", xs), l.slope))
	residual := gorgonia.Must(gorgonia.Sub(gorgonia.Must(gorgonia.Add(product, l.offset)),
		vector("y", ys)))
	l.loss = gorgonia.Must(gorgonia.Mean(gorgonia.Must(gorgonia.Square(residual))))
	weights := gorgonia.Nodes{l.slope, l.offset}
	if _, err := gorgonia.Grad(l.loss, weights...); err != nil {
		log.Fatal(err)
	}
	l.model = gorgonia.NodesToValueGrads(weights)
	l.machine = gorgonia.NewTapeMachine(g, gorgonia.BindDualValues(weights...))
	return l
}

// fit trains as one rank and prints the line on rank 0.
func (l *line) fit(engine dist.Engine) error {
	world, err := dist.New(engine)
	if err != nil {
		return err
	}
	batches := dist.NewBatches(world)
	solver := l4.NewL4Adam(batches)
	if err := world.Start(solver, l.model); err != nil {
		return err
	}
	for range 3000 {
		if err := l.machine.RunAll(); err != nil {
			return err
		}
		if err := batches.Add(l.loss, l.model); err != nil {
			return err
		}
		if err := solver.Step(batches.Model()); err != nil {
			return err
		}
		l.machine.Reset()
	}
	if world.Rank() == 0 {
		fmt.Printf("y = %.3f x + %.3f\n", l.slope.Value().Data(), l.offset.Value().Data())
	}
	return world.Finalize()
}
