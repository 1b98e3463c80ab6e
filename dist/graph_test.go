package dist_test

import (
	"strings"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
	"github.com/l4-go/l4/dist"
)

// TestGraphOfBatches checks that a solver with a nil loss finds the mean loss, and that it checks
// the operations of the graph of the first batch.
func TestGraphOfBatches(t *testing.T) {
	w, err := dist.New(dist.Local(1)[0])
	if err != nil {
		t.Fatal(err)
	}
	defer w.Finalize()
	for name, f := range map[string]func(*gorgonia.Node) (*gorgonia.Node, error){
		"Square": gorgonia.Square, "Log2": gorgonia.Log2,
	} {
		g := gorgonia.NewGraph()
		x := gorgonia.NewVector(g, tensor.Float64, gorgonia.WithName("x"), gorgonia.WithShape(2),
			gorgonia.WithValue(tensor.New(tensor.WithBacking([]float64{3, 4}))))
		loss := gorgonia.Must(gorgonia.Sum(gorgonia.Must(f(x))))
		if _, err := gorgonia.Grad(loss, x); err != nil {
			t.Fatal(err)
		}
		vm := gorgonia.NewTapeMachine(g, gorgonia.BindDualValues(x))
		defer vm.Close()
		if err := vm.RunAll(); err != nil {
			t.Fatal(err)
		}
		batches, solver := dist.NewBatches(w), l4.NewL4Adam(nil)
		if err := batches.Add(nil, gorgonia.NodesToValueGrads(gorgonia.Nodes{x})); err != nil {
			t.Fatal(err)
		}
		err := solver.Step(batches.Model())
		if name == "Square" && (err != nil || solver.Last().Loss != 25) {
			t.Errorf("%s: loss %v, error %v, want a loss of 25", name, solver.Last().Loss, err)
		}
		if name == "Log2" && (err == nil || !strings.Contains(err.Error(), "Log2 is wrong")) {
			t.Errorf("%s: error %v, want one that names the operation", name, err)
		}
	}
}
