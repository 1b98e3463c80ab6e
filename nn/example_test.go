package nn_test

import (
	"fmt"
	"log"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
	"github.com/l4-go/l4/nn"
)

// The program trains a linear classifier of four points without a learning rate.
func ExampleSoftmaxCrossEntropy() {
	g := G.NewGraph()
	x := valued(g, "x", []float64{0, 0, 0, 1, 1, 0, 1, 1}, 4, 2)
	y := valued(g, "y", []float64{1, 0, 1, 0, 0, 1, 0, 1}, 4, 2) // the class is the first input
	w := valued(g, "w", make([]float64, 4), 2, 2)
	b := G.NewVector(g, tensor.Float64, G.WithName("b"), G.WithShape(2), G.WithInit(G.Zeroes()))
	logits := G.Must(G.BroadcastAdd(G.Must(G.Mul(x, w)), b, nil, []byte{0}))
	loss := G.Must(nn.SoftmaxCrossEntropy(logits, y))
	weights := G.Nodes{w, b}
	if _, err := G.Grad(loss, weights...); err != nil {
		log.Fatal(err)
	}
	machine := G.NewTapeMachine(g, G.BindDualValues(weights...))
	defer machine.Close()

	solver := l4.NewL4Adam(loss)
	for range 2000 {
		if err := machine.RunAll(); err != nil {
			log.Fatal(err)
		}
		if err := solver.Step(G.NodesToValueGrads(weights)); err != nil {
			log.Fatal(err)
		}
		machine.Reset()
	}
	fmt.Println(solver.Last().Loss < 1e-3)
	// Output: true
}

// A net learns which of two inputs is larger. In training each run drops a quarter of the hidden
// units; in evaluation no unit is dropped.
func ExampleDropout() {
	g := G.NewGraph()
	x := valued(g, "x", []float64{1, 2, 2, 1, 0, 3, 3, 0, -1, 1, 1, -1}, 6, 2)
	y := valued(g, "y", []float64{0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0}, 6, 2)
	w := valued(g, "w", []float64{.1, .2, -.3, .1, -.2, .3, .2, -.1, .1, .3, -.1, .2}, 2, 6)
	v := valued(g, "v", []float64{.1, -.1, .2, .1, -.2, .1, .1, -.2, .2, .1, -.1, .2}, 6, 2)
	hidden := G.Must(nn.Dropout(G.Must(G.Tanh(G.Must(G.Mul(x, w)))), 0.25, 1))
	loss := G.Must(nn.SoftmaxCrossEntropy(G.Must(G.Mul(hidden, v)), y))
	weights := G.Nodes{w, v}
	if _, err := G.Grad(loss, weights...); err != nil {
		log.Fatal(err)
	}
	machine := G.NewTapeMachine(g, G.BindDualValues(weights...))
	defer machine.Close()

	solver := l4.NewL4Adam(loss)
	for range 1000 {
		if err := machine.RunAll(); err != nil {
			log.Fatal(err)
		}
		if err := solver.Step(G.NodesToValueGrads(weights)); err != nil {
			log.Fatal(err)
		}
		machine.Reset()
	}

	nn.SetTraining(g, false) // until SetTraining(g, true) or the next machine
	if err := machine.RunAll(); err != nil {
		log.Fatal(err)
	}
	fmt.Println(loss.Value().Data().(float64) < 0.05)
	// Output: true
}
