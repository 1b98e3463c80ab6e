package paper

import (
	"math"
	"math/rand/v2"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
	"github.com/l4-go/l4/internal/op/optest"
)

// TestRegularize: the penalty in the loss and the solver's WithL2Reg give a residual net the same
// weights.
func TestRegularize(t *testing.T) {
	const lambda, steps = 2e-2, 12
	train := func(inGraph bool) (weights Weights, penalty float64) {
		weights, statistics := ResNetWeights(tensor.Float64, 1, rand.New(rand.NewPCG(1, 0)))
		net := filled(ResNet(weights, statistics, 2, true))
		opts := []l4.Option{l4.WithL2Reg(lambda)}
		if inGraph {
			net.Regularize(lambda)
			opts = nil
		}
		run := machine(t, net)
		solver := l4.NewL4Adam(net.Loss, opts...)
		for range steps {
			run()
			if err := solver.Step(G.NodesToValueGrads(net.Weights)); err != nil {
				t.Fatal(err)
			}
		}
		return weights, solver.Last().Penalty
	}
	graph, _ := train(true)
	solver, penalty := train(false)
	if !(penalty > 0) {
		t.Errorf("the solver's penalty is %v", penalty)
	}
	for i, w := range solver {
		other := optest.Floats(graph[i])
		for k, x := range optest.Floats(w) {
			if math.Abs(x-other[k]) > 1e-9*(1+math.Abs(x)) {
				t.Fatalf("weight %d, element %d: %v by the solver, %v by the graph",
					i, k, x, other[k])
			}
		}
	}
}
