package dist_test

import (
	"errors"
	"fmt"
	"log"

	"golang.org/x/sync/errgroup"
	"gorgonia.org/gorgonia"

	"github.com/l4-go/l4"
	"github.com/l4-go/l4/dist"
)

// scalar is a weight with its gradient, as a program without a graph may have.
type scalar struct{ value, grad gorgonia.F64 }

func (s *scalar) Value() gorgonia.Value         { return &s.value }
func (s *scalar) Grad() (gorgonia.Value, error) { return &s.grad, nil }

// Two ranks, here goroutines of one process, have batches of their own and make the same steps.
func ExampleLocal() {
	train := func(engine dist.Engine) (err error) {
		world, err := dist.New(engine)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, world.Finalize()) }()

		w := new(scalar)
		model := []gorgonia.ValueGrad{w}
		batches := dist.NewBatches(world)
		solver := l4.NewL4Adam(batches)
		if err := world.Start(solver, model); err != nil {
			return err
		}
		curvature := gorgonia.F64(1 + world.Rank()) // the ranks' losses have one minimum
		for range 2000 {
			d := w.value - 3
			loss := curvature * d * d
			w.grad = 2 * curvature * d
			value := l4.LossFunc(func() gorgonia.Value { return &loss })
			if err := batches.Add(value, model); err != nil {
				return err
			}
			if err := solver.Step(batches.Model()); err != nil {
				return err
			}
		}
		if world.Rank() == 0 {
			fmt.Printf("%.3f\n", float64(w.value))
		}
		return nil
	}
	var ranks errgroup.Group
	for _, engine := range dist.Local(2) {
		ranks.Go(func() error { return train(engine) })
	}
	if err := ranks.Wait(); err != nil {
		log.Fatal(err)
	}
	// Output: 3.000
}
