package compare

import (
	"sync"
	"testing"
	"time"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/bind"
)

// TestBuild: Build never runs two functions at once.
func TestBuild(t *testing.T) {
	var group sync.WaitGroup
	inside := 0 // the race detector watches it
	for range 8 {
		group.Add(1)
		go func() {
			defer group.Done()
			Build(func() (int, error) {
				inside++
				time.Sleep(time.Millisecond)
				defer func() { inside-- }()
				if inside != 1 {
					t.Error("two functions at once")
				}
				return 0, nil
			})
		}()
	}
	group.Wait()
}

// TestMachine: Run evaluates the loss at the present inputs and adds up the gradients.
func TestMachine(t *testing.T) {
	g := gorgonia.NewGraph()
	x := gorgonia.NewVector(g, tensor.Float64, gorgonia.WithName("x"), gorgonia.WithShape(1),
		gorgonia.WithValue(tensor.New(tensor.WithShape(1), tensor.Of(tensor.Float64))))
	w := gorgonia.NewVector(g, tensor.Float64, gorgonia.WithName("w"), gorgonia.WithShape(1),
		gorgonia.WithInit(gorgonia.Ones()))
	loss := gorgonia.Must(gorgonia.Sum(gorgonia.Must(gorgonia.HadamardProd(x, w))))
	m, err := NewMachine(loss, gorgonia.Nodes{w})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for step := range 3 {
		x.Value().Data().([]float64)[0] = float64(10 + step)
		loss, model, err := m.Run()
		if err != nil {
			t.Fatal(err)
		}
		grad, err := model[0].Grad()
		if err != nil {
			t.Fatal(err)
		}
		sum := 0.0 // gradients add up until a solver zeroes them
		for s := range step + 1 {
			sum += float64(10 + s)
		}
		if got, _, err := bind.Number(loss.Value()); err != nil || got != float64(10+step) ||
			grad.Data().([]float64)[0] != sum {
			t.Errorf("step %d: loss %v, gradient %v, %v", step, got, grad, err)
		}
	}
	if _, err := NewMachine(gorgonia.Must(gorgonia.Sum(x)), gorgonia.Nodes{w}); err == nil {
		t.Error("no error for a weight that the loss does not depend on")
	}
}
