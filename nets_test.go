package l4_test

import (
	"fmt"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

func tape(
	t *testing.T,
	g *gorgonia.ExprGraph,
	loss *gorgonia.Node,
	weights gorgonia.Nodes,
	opts ...gorgonia.VMOpt,
) func() error {
	t.Helper()
	if _, err := gorgonia.Grad(loss, weights...); err != nil {
		t.Fatal(err)
	}
	vm := gorgonia.NewTapeMachine(g, opts...)
	t.Cleanup(func() { vm.Close() })
	return func() error {
		vm.Reset()
		return vm.RunAll()
	}
}

// mixedGraph is a loss over parameters of every kind: a matrix, a vector, a scalar, and tensors of
// shape (1) and (1,1). Two parameters share one gradient node, and the gradient of one parameter is
// a constant.
func mixedGraph(dt tensor.Dtype) (*gorgonia.ExprGraph, *gorgonia.Node, gorgonia.Nodes) {
	must := gorgonia.Must
	g := gorgonia.NewGraph()
	value := func(shape tensor.Shape, seed uint64) gorgonia.NodeConsOpt {
		return gorgonia.WithValue(
			tensor.New(
				tensor.WithShape(shape...),
				tensor.WithBacking(backing(dt, ramp(shape.TotalSize(), seed))),
			),
		)
	}
	node := func(name string, seed uint64, shape ...int) *gorgonia.Node {
		return gorgonia.NewTensor(
			g,
			dt,
			len(shape),
			gorgonia.WithName(name),
			gorgonia.WithShape(shape...),
			value(shape, seed),
		)
	}
	scalar := func(name string, x float64) *gorgonia.Node {
		v := newScalar(dt)
		setNumbers(v, []float64{x})
		return gorgonia.NewScalar(g, dt, gorgonia.WithName(name), gorgonia.WithValue(v))
	}
	x := node("x", 1, 6, 4)
	w, b, one, oneone := node(
		"w",
		2,
		4,
		3,
	), node(
		"b",
		3,
		3,
	), node(
		"one",
		4,
		1,
	), node(
		"oneone",
		5,
		1,
		1,
	)
	s, p, q := scalar("s", 0.5), scalar("p", 3), scalar("q", 4)
	// Sums, products and squares: the Lisp machine has the gradient of tanh wrong.
	h := must(gorgonia.BroadcastAdd(must(gorgonia.Mul(x, w)), b, nil, []byte{0}))
	loss := must(gorgonia.Mean(must(gorgonia.Square(h))))
	loss = must(gorgonia.Add(loss, must(gorgonia.Square(s))))
	loss = must(gorgonia.Add(loss, must(gorgonia.Sum(must(gorgonia.Square(one))))))
	loss = must(gorgonia.Add(loss, must(gorgonia.Sum(must(gorgonia.Square(oneone))))))
	// p and q fall straight down: both gradients are the constant 1.
	loss = must(gorgonia.Add(loss, must(gorgonia.Add(p, q))))
	return g, loss, gorgonia.Nodes{w, b, one, oneone, s, p, q}
}

// fit is a small regression net. Several graphs may share its weights.
type fit struct {
	x, y, loss *gorgonia.Node
	weights    gorgonia.Nodes
	model      []gorgonia.ValueGrad // the weights
	run        func() error
}

// eval runs the graph on rows of the data, from the given row.
func (f *fit) eval(dt tensor.Dtype, step, from int) error {
	rows := f.x.Shape()[0]
	xs, ys := ramp(8*3, uint64(100+step)), ramp(8, uint64(200+step))
	for _, in := range []struct {
		node *gorgonia.Node
		xs   []float64
	}{{f.x, xs[from*3 : (from+rows)*3]}, {f.y, ys[from : from+rows]}} {
		if err := gorgonia.Let(in.node, tensor.New(tensor.WithShape(in.node.Shape()...),
			tensor.WithBacking(backing(dt, in.xs)))); err != nil {
			return err
		}
	}
	return f.run()
}

func fitWeights(dt tensor.Dtype) []*tensor.Dense {
	return []*tensor.Dense{
		tensor.New(tensor.WithShape(3, 4), tensor.WithBacking(backing(dt, ramp(12, 1)))),
		tensor.New(tensor.WithShape(4, 1), tensor.WithBacking(backing(dt, ramp(4, 2)))),
	}
}

// views returns tensors that share the memory of other tensors. Machines that run at the same time
// need separate tensors, because they transpose tensors in place.
func views(weights []*tensor.Dense) []*tensor.Dense {
	var vs []*tensor.Dense
	for _, w := range weights {
		vs = append(vs, tensor.New(tensor.WithShape(w.Shape()...), tensor.WithBacking(w.Data())))
	}
	return vs
}

func newFit(t *testing.T, dt tensor.Dtype, weights []*tensor.Dense, rows int, dual bool) *fit {
	t.Helper()
	must := gorgonia.Must
	g := gorgonia.NewGraph()
	f := &fit{
		x: gorgonia.NewMatrix(g, dt, gorgonia.WithName("x"), gorgonia.WithShape(rows, 3)),
		y: gorgonia.NewMatrix(g, dt, gorgonia.WithName("y"), gorgonia.WithShape(rows, 1)),
	}
	for i, w := range weights {
		f.weights = append(
			f.weights,
			gorgonia.NewMatrix(
				g,
				dt,
				gorgonia.WithName(fmt.Sprint("w", i)),
				gorgonia.WithShape(w.Shape()...),
				gorgonia.WithValue(w),
			),
		)
	}
	f.model = gorgonia.NodesToValueGrads(f.weights)
	out := must(
		gorgonia.Mul(must(gorgonia.Tanh(must(gorgonia.Mul(f.x, f.weights[0])))), f.weights[1]),
	)
	f.loss = must(gorgonia.Mean(must(gorgonia.Square(must(gorgonia.Sub(out, f.y))))))
	var opts []gorgonia.VMOpt
	if dual {
		opts = append(opts, gorgonia.BindDualValues(f.weights...))
	}
	f.run = tape(t, g, f.loss, f.weights, opts...)
	return f
}
