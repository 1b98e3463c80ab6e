// Package optest checks the values and gradients of Gorgonia operations in tests.
package optest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/op"
)

// Operation is a loss whose inputs have standard normal elements.
type Operation struct {
	Shapes []tensor.Shape // shapes of the inputs
	Params int            // number of inputs, from the first, with a gradient
	Loss   func(in G.Nodes) (*G.Node, error)
	Before func(g *G.ExprGraph) // called before each run; may be nil
}

// Weighted returns a weighted sum of all elements of a node. The weights differ, so the gradient of
// the loss with respect to the node differs for each element.
func Weighted(n *G.Node, err error) (*G.Node, error) {
	if err != nil {
		return nil, err
	}
	w := tensor.New(tensor.WithShape(n.Shape()...), tensor.Of(n.Dtype()))
	op.Fill(w, rand.New(rand.NewPCG(7, 8)).NormFloat64)
	weights := G.NewTensor(n.Graph(), n.Dtype(), n.Dims(), G.WithName("weights"),
		G.WithShape(n.Shape()...), G.WithValue(w))
	return G.Sum(G.Must(G.HadamardProd(n, weights)))
}

// Evaluation is a graph with its virtual machine.
type Evaluation struct {
	VM     G.VM
	Loss   *G.Node
	Inputs G.Nodes
	Params G.Nodes
	before func(g *G.ExprGraph)
}

// Build creates the graph in a dtype. An error fails the test.
func (o Operation) Build(t *testing.T, dt tensor.Dtype) *Evaluation {
	t.Helper()
	g := G.NewGraph()
	r := rand.New(rand.NewPCG(5, 6))
	e := &Evaluation{before: o.Before}
	for i, shape := range o.Shapes {
		v := tensor.New(tensor.WithShape(shape...), tensor.Of(dt))
		op.Fill(v, r.NormFloat64)
		e.Inputs = append(e.Inputs, G.NewTensor(g, dt, len(shape),
			G.WithName(fmt.Sprint("input", i)), G.WithShape(shape...), G.WithValue(v)))
	}
	e.Params = e.Inputs[:o.Params]
	var err error
	if e.Loss, err = o.Loss(e.Inputs); err != nil {
		t.Fatal(err)
	}
	if _, err := G.Grad(e.Loss, e.Params...); err != nil {
		t.Fatal(err)
	}
	e.VM = G.NewTapeMachine(g, G.BindDualValues(e.Params...))
	t.Cleanup(func() { e.VM.Close() })
	return e
}

// Run runs the graph and returns the loss and copies of the gradients. Each run adds to the
// gradients.
func (e *Evaluation) Run(t *testing.T) (float64, [][]float64) {
	t.Helper()
	e.VM.Reset()
	if e.before != nil {
		e.before(e.Loss.Graph())
	}
	if err := e.VM.RunAll(); err != nil {
		t.Fatal(err)
	}
	var grads [][]float64
	for _, p := range e.Params {
		g, err := p.Grad()
		if err != nil {
			t.Fatal(err)
		}
		grads = append(grads, append([]float64(nil), Floats(g)...))
	}
	return Floats(e.Loss.Value())[0], grads
}

// Check compares the gradients with central differences in float64, and the loss and the gradients
// in float32 with those in float64. It runs one graph many times, and checks that a second run
// repeats the loss and adds the same gradients.
func (o Operation) Check(t *testing.T) {
	t.Helper()
	e := o.Build(t, tensor.Float64)
	loss, grads := e.Run(t)
	_, twice := e.Run(t)
	for k := range twice {
		for i := range twice[k] {
			if twice[k][i] != 2*grads[k][i] {
				t.Fatalf("input %d, element %d: gradient %v after one run, %v after two", k, i,
					grads[k][i], twice[k][i])
			}
		}
	}
	const h = 1e-6
	for k, p := range e.Params {
		xs := p.Value().(*tensor.Dense).Float64s()
		for i, x := range xs {
			xs[i] = x + h
			up, _ := e.Run(t)
			xs[i] = x - h
			down, _ := e.Run(t)
			xs[i] = x
			want := (up - down) / (2 * h)
			if math.Abs(grads[k][i]-want) > 1e-8*(1+math.Abs(want)+math.Abs(loss)) {
				t.Errorf("input %d, element %d: gradient %v, central difference %v", k, i,
					grads[k][i], want)
			}
		}
	}
	if again, _ := e.Run(t); again != loss {
		t.Errorf("loss %v, and %v with the same inputs", loss, again)
	}

	loss32, grads32 := o.Build(t, tensor.Float32).Run(t)
	if math.Abs(loss32-loss) > 1e-5*(1+math.Abs(loss)) {
		t.Errorf("loss %v in float32, %v in float64", loss32, loss)
	}
	for k := range grads {
		for i, want := range grads[k] {
			if math.Abs(grads32[k][i]-want) > 1e-4*(1+math.Abs(want)) {
				t.Errorf("input %d, element %d: gradient %v in float32, %v in float64", k, i,
					grads32[k][i], want)
			}
		}
	}
}

// Nodes returns input nodes of the given shapes without values, in one graph.
func Nodes(dt tensor.Dtype, shapes ...tensor.Shape) (nodes G.Nodes) {
	g := G.NewGraph()
	for i, s := range shapes {
		nodes = append(nodes, G.NewTensor(g, dt, len(s), G.WithShape(s...),
			G.WithName(fmt.Sprint("input", i))))
	}
	return nodes
}

// Floats returns the elements of a tensor or a scalar.
func Floats(v G.Value) []float64 {
	switch x := v.Data().(type) {
	case float32:
		return []float64{float64(x)}
	case float64:
		return []float64{x}
	case []float32:
		ys := make([]float64, len(x))
		for i := range x {
			ys[i] = float64(x[i])
		}
		return ys
	case []float64:
		return x
	}
	panic(fmt.Sprintf("%T", v.Data()))
}
