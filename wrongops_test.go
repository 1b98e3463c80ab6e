package l4_test

import (
	"strings"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
)

// wrongGraph evaluates the loss Σ log2(w)², whose gradient Gorgonia has wrong.
func wrongGraph(t *testing.T) (loss *gorgonia.Node, model []gorgonia.ValueGrad,
	read gorgonia.Valuer) {
	t.Helper()
	g := gorgonia.NewGraph()
	w := gorgonia.NewVector(g, tensor.Float64, gorgonia.WithName("w"), gorgonia.WithShape(3),
		gorgonia.WithValue(tensor.New(tensor.WithBacking([]float64{3, 4, 5}))))
	loss = gorgonia.Must(gorgonia.Sum(gorgonia.Must(gorgonia.Square(gorgonia.Must(
		gorgonia.Log2(w))))))
	read = l4.ReadLoss(loss)
	weights := gorgonia.Nodes{w}
	if err := tape(t, g, loss, weights, gorgonia.BindDualValues(w))(); err != nil {
		t.Fatal(err)
	}
	return loss, gorgonia.NodesToValueGrads(weights), read
}

// TestWrongOps: an operation with a wrong gradient is an error however the solver comes by loss and
// weights, and none with WithUncheckedOps. Package nn tests the operations.
func TestWrongOps(t *testing.T) {
	type hidden struct{ gorgonia.ValueGrad }
	for name, step := range map[string]func(opts ...l4.Option) error{
		"a node": func(opts ...l4.Option) error {
			loss, model, _ := wrongGraph(t)
			return l4.NewL4Adam(loss, opts...).Step(model)
		},
		"nil": func(opts ...l4.Option) error {
			_, model, _ := wrongGraph(t)
			return l4.NewL4Mom(nil, opts...).Step(model)
		},
		"ReadLoss": func(opts ...l4.Option) error {
			_, model, read := wrongGraph(t)
			return l4.New(read, gorgonia.NewAdamSolver(), opts...).Step(model)
		},
		"LossFunc": func(opts ...l4.Option) error {
			loss, model, _ := wrongGraph(t)
			return l4.NewL4Adam(l4.LossFunc(loss.Value), opts...).Step(model)
		},
		"Batches": func(opts ...l4.Option) error {
			batches := new(l4.Batches)
			for range 2 {
				loss, model, _ := wrongGraph(t)
				if err := batches.Add(loss, model); err != nil {
					t.Fatal(err)
				}
			}
			return l4.NewL4Adam(batches, opts...).Step(batches.Model())
		},
		"hidden nodes": func(opts ...l4.Option) error {
			loss, model, _ := wrongGraph(t)
			return l4.NewL4Adam(loss, opts...).Step([]gorgonia.ValueGrad{hidden{model[0]}})
		},
		"a loaded state": func(opts ...l4.Option) error {
			loss, model, _ := wrongGraph(t)
			saved, loaded := l4.NewL4Adam(loss), l4.NewL4Adam(loss, opts...)
			data, err := saved.MarshalBinary()
			if err != nil {
				t.Fatal(err)
			}
			if err := loaded.UnmarshalBinary(data); err != nil {
				t.Fatal(err)
			}
			return loaded.Step(model)
		},
	} {
		if err := step(); err == nil || !strings.HasPrefix(err.Error(), "l4: log2(") ||
			!strings.Contains(err.Error(), "use Log, times 1/ln 2, or accept the operation with "+
				"WithUncheckedOps") {
			t.Errorf("%s: error %v", name, err)
		}
		if err := step(l4.WithUncheckedOps()); err != nil {
			t.Errorf("%s, with WithUncheckedOps: error %v", name, err)
		}
	}
}
