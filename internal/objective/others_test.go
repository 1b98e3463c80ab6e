package objective

import (
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// TestScalarLossHasNoOthers: with the usual loss, a scalar, a step need not look at the values of
// all nodes of the graph, since none of them can come to lie in its memory.
func TestScalarLossHasNoOthers(t *testing.T) {
	g := gorgonia.NewGraph()
	w := gorgonia.NewVector(g, tensor.Float64, gorgonia.WithName("w"), gorgonia.WithShape(3),
		gorgonia.WithInit(gorgonia.Ones()))
	loss := gorgonia.Must(gorgonia.Sum(gorgonia.Must(gorgonia.Square(w))))
	gorgonia.Must(gorgonia.Exp(loss))
	if _, err := gorgonia.Grad(loss, w); err != nil {
		t.Fatal(err)
	}
	machine := gorgonia.NewTapeMachine(g)
	defer machine.Close()
	if err := machine.RunAll(); err != nil {
		t.Fatal(err)
	}
	if others := newGraph(g).othersThan(loss); len(others) > 0 {
		t.Errorf("%d nodes, of which the first is %v", len(others), others[0])
	}
}
