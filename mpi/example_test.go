package mpi_test

import (
	"errors"
	"fmt"
	"log"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
	"github.com/l4-go/l4/dist"
	"github.com/l4-go/l4/mpi"
)

// The program fits a straight line to points of y = 2x + 1. Each rank has its own points. It runs
// in a single process, and with several ranks under mpirun.
func Example() {
	if err := fitLine(); err != nil {
		log.Fatal(err)
	}
	// Output: y = 2.000 x + 1.000
}

func fitLine() (err error) {
	world, err := mpi.Init()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, world.Finalize()) }()

	const points = 10 // of each rank
	xs, ys := make([]float64, points), make([]float64, points)
	for i := range xs {
		xs[i] = float64(i*world.Size()+world.Rank()) / float64(points*world.Size())
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
	x, y, slope, offset := vector("x", xs), vector("y", ys), scalar("slope"), scalar("offset")
	line := gorgonia.Must(gorgonia.Add(gorgonia.Must(gorgonia.Mul(x, slope)), offset))
	residual := gorgonia.Must(gorgonia.Sub(line, y))
	loss := gorgonia.Must(gorgonia.Mean(gorgonia.Must(gorgonia.Square(residual))))
	weights := gorgonia.Nodes{slope, offset}
	if _, err := gorgonia.Grad(loss, weights...); err != nil {
		return err
	}
	machine := gorgonia.NewTapeMachine(g, gorgonia.BindDualValues(weights...))
	defer machine.Close()

	model := gorgonia.NodesToValueGrads(weights)
	batches := dist.NewBatches(world)
	solver := l4.NewL4Adam(batches)
	if err := world.Start(solver, model); err != nil {
		return err
	}
	for range 3000 {
		if err := machine.RunAll(); err != nil {
			return err
		}
		if err := batches.Add(loss, model); err != nil {
			return err
		}
		if err := solver.Step(batches.Model()); err != nil {
			return err
		}
		machine.Reset()
	}
	if world.Rank() == 0 {
		fmt.Printf("y = %.3f x + %.3f\n", slope.Value().Data(), offset.Value().Data())
	}
	return nil
}
