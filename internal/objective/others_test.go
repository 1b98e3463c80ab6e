package objective

import (
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// TestScalarLossHasNoOthers: if the loss is a scalar, as usual, other nodes cannot get its memory,
// so a step does not need to look at their values.
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
