package l4_test

import (
	"fmt"
	"log"

	"github.com/l4-go/l4"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// A line fitted to four points without a learning rate.
func Example() {
	g := gorgonia.NewGraph()
	x := gorgonia.NodeFromAny(g, tensor.New(tensor.WithShape(4, 2),
		tensor.WithBacking([]float64{0, 1, 1, 1, 2, 1, 3, 1})))
	y := gorgonia.NodeFromAny(g, tensor.New(tensor.WithBacking([]float64{1, 3, 5, 7})))
	w := gorgonia.NewVector(g, tensor.Float64, gorgonia.WithShape(2),
		gorgonia.WithInit(gorgonia.Zeroes()))
	errors := gorgonia.Must(gorgonia.Sub(gorgonia.Must(gorgonia.Mul(x, w)), y))
	loss := gorgonia.Must(gorgonia.Mean(gorgonia.Must(gorgonia.Square(errors))))
	if _, err := gorgonia.Grad(loss, w); err != nil {
		log.Fatal(err)
	}
	machine := gorgonia.NewTapeMachine(g, gorgonia.BindDualValues(w))
	defer machine.Close()

	solver := l4.NewL4Adam(loss) // before: gorgonia.NewAdamSolver(gorgonia.WithLearnRate(1e-3))
	for range 3000 {
		if err := machine.RunAll(); err != nil {
			log.Fatal(err)
		}
		if err := solver.Step(gorgonia.NodesToValueGrads(gorgonia.Nodes{w})); err != nil {
			log.Fatal(err)
		}
		machine.Reset()
	}
	fmt.Printf("slope and intercept: %.3f\n", w.Value())
	// Output: slope and intercept: [2.000  1.000]
}
