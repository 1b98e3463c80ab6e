package model

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// operation is a loss over random inputs, of which the first are differentiated.
type operation struct {
	shapes []tensor.Shape
	params int
	loss   func(in G.Nodes) (*G.Node, error)
}

// evaluation is a graph that can be run again and again.
type evaluation struct {
	vm     G.VM
	loss   *G.Node
	inputs G.Nodes
	params G.Nodes
}

func (o operation) build(t *testing.T, dt tensor.Dtype) *evaluation {
	t.Helper()
	g := G.NewGraph()
	r := rand.New(rand.NewPCG(5, 6))
	e := new(evaluation)
	for i, shape := range o.shapes {
		v := tensor.New(tensor.WithShape(shape...), tensor.Of(dt))
		Fill(v, r.NormFloat64)
		e.inputs = append(e.inputs, G.NewTensor(g, dt, len(shape), G.WithName(fmt.Sprint("input", i)), G.WithShape(shape...), G.WithValue(v)))
	}
	e.params = e.inputs[:o.params]
	var err error
	if e.loss, err = o.loss(e.inputs); err != nil {
		t.Fatal(err)
	}
	if _, err := G.Grad(e.loss, e.params...); err != nil {
		t.Fatal(err)
	}
	e.vm = G.NewTapeMachine(g, G.BindDualValues(e.params...))
	t.Cleanup(func() { e.vm.Close() })
	return e
}

// run returns the loss and copies of the gradients, to which each run adds.
func (e *evaluation) run(t *testing.T) (float64, [][]float64) {
	t.Helper()
	e.vm.Reset()
	if err := e.vm.RunAll(); err != nil {
		t.Fatal(err)
	}
	var grads [][]float64
	for _, p := range e.params {
		g, err := p.Grad()
		if err != nil {
			t.Fatal(err)
		}
		grads = append(grads, append([]float64(nil), floats(g)...))
	}
	return floats(e.loss.Value())[0], grads
}

// check compares the gradients with central differences, in one graph that runs many times, and the numbers
// of float32 with those of float64.
func (o operation) check(t *testing.T) {
	t.Helper()
	e := o.build(t, tensor.Float64)
	loss, grads := e.run(t)
	_, twice := e.run(t)
	for k := range twice {
		for i := range twice[k] {
			if twice[k][i] != 2*grads[k][i] {
				t.Fatalf("input %d, element %d: gradient %v after one run, %v after two", k, i, grads[k][i], twice[k][i])
			}
		}
	}
	const h = 1e-6
	for k, p := range e.params {
		xs := p.Value().(*tensor.Dense).Float64s()
		for i, x := range xs {
			xs[i] = x + h
			up, _ := e.run(t)
			xs[i] = x - h
			down, _ := e.run(t)
			xs[i] = x
			want := (up - down) / (2 * h)
			if math.Abs(grads[k][i]-want) > 1e-8*(1+math.Abs(want)+math.Abs(loss)) {
				t.Errorf("input %d, element %d: gradient %v, central difference %v", k, i, grads[k][i], want)
			}
		}
	}
	if again, _ := e.run(t); again != loss {
		t.Errorf("loss %v, and %v with the same inputs", loss, again)
	}

	loss32, grads32 := o.build(t, tensor.Float32).run(t)
	if math.Abs(loss32-loss) > 1e-5*(1+math.Abs(loss)) {
		t.Errorf("loss %v in float32, %v in float64", loss32, loss)
	}
	for k := range grads {
		for i, want := range grads[k] {
			if math.Abs(grads32[k][i]-want) > 1e-4*(1+math.Abs(want)) {
				t.Errorf("input %d, element %d: gradient %v in float32, %v in float64", k, i, grads32[k][i], want)
			}
		}
	}
}
