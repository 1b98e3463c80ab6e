package nn_test

import (
	"fmt"
	"log"
	"math/rand/v2"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
	"github.com/l4-go/l4/nn"
)

// A softmax classifier tells three clouds of points apart.
func ExampleSoftmaxCrossEntropy() {
	const points, classes = 90, 3
	r := rand.New(rand.NewPCG(1, 2))
	centers := [classes][2]float64{{0, 4}, {-4, -2}, {4, -2}}
	var xs, ys []float64
	for i := range points {
		c := centers[i%classes]
		xs = append(xs, c[0]+r.NormFloat64(), c[1]+r.NormFloat64(), 1) // 1: an input for the bias
		y := make([]float64, classes)
		y[i%classes] = 1
		ys = append(ys, y...)
	}

	g := gorgonia.NewGraph()
	matrix := func(name string, rows int, xs []float64) *gorgonia.Node {
		t := tensor.New(tensor.WithShape(rows, len(xs)/rows), tensor.WithBacking(xs))
		return gorgonia.NodeFromAny(g, t, gorgonia.WithName(name))
	}
	x, targets := matrix("x", points, xs), matrix("targets", points, ys)
	w := matrix("w", 3, make([]float64, 3*classes))

	logits := gorgonia.Must(gorgonia.Mul(x, w))
	loss, err := nn.SoftmaxCrossEntropy(logits, targets)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := gorgonia.Grad(loss, w); err != nil {
		log.Fatal(err)
	}
	machine := gorgonia.NewTapeMachine(g, gorgonia.BindDualValues(w))
	defer machine.Close()

	solver := l4.NewL4Adam(loss)
	for range 300 {
		if err := machine.RunAll(); err != nil {
			log.Fatal(err)
		}
		if err := solver.Step(gorgonia.NodesToValueGrads(gorgonia.Nodes{w})); err != nil {
			log.Fatal(err)
		}
		machine.Reset()
	}
	fmt.Printf("loss %.2f\n", solver.Last().Loss)
	// Output: loss 0.02
}
