package programs

import (
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/floats"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/experiment/compare"
)

// net builds a graph, with the helpers that all programs use.
type net struct {
	g      *G.ExprGraph
	dt     tensor.Dtype
	r      *rand.Rand
	prefix string // prefix of the parameters' names
	params G.Nodes
}

func newNet(r *rand.Rand, dt tensor.Dtype) *net { return &net{g: G.NewGraph(), dt: dt, r: r} }

// input adds a node whose value G.Let sets.
func (n *net) input(name string, shape ...int) *G.Node {
	return n.node(name, G.Zeroes(), shape)
}

// param adds a parameter.
func (n *net) param(init G.InitWFn, shape ...int) *G.Node {
	// Gorgonia merges nodes with the same name and shape.
	name := fmt.Sprintf("%sw%d", n.prefix, len(n.params))
	p := n.node(name, init, shape)
	n.params = append(n.params, p)
	return p
}

func (n *net) node(name string, init G.InitWFn, shape tensor.Shape) *G.Node {
	return G.NewTensor(n.g, n.dt, shape.Dims(),
		G.WithName(name), G.WithShape(shape...), G.WithInit(init))
}

// dense adds a fully connected layer for an input of shape (batch, features), with a bias of shape
// (1, out).
func (n *net) dense(x *G.Node, out int) *G.Node { return n.linear(x, out, glorot(n.r)) }

// quiet adds a fully connected layer whose initial outputs are near 0.
func (n *net) quiet(x *G.Node, out int) *G.Node { return n.linear(x, out, gaussianInit(n.r, 0.01)) }

func (n *net) linear(x *G.Node, out int, init G.InitWFn) *G.Node {
	w := n.param(init, x.Shape()[1], out)
	b := n.param(G.Zeroes(), 1, out)
	return G.Must(G.BroadcastAdd(G.Must(G.Mul(x, w)), b, nil, []byte{0}))
}

// constant returns a constant node of the net's dtype.
func (n *net) constant(x float64) *G.Node {
	if n.dt == tensor.Float32 {
		return G.NewConstant(float32(x))
	}
	return G.NewConstant(x)
}

// machine differentiates the loss and compiles the graph.
func (n *net) machine(loss *G.Node) G.VM {
	if _, err := G.Grad(loss, n.params...); err != nil {
		panic(err)
	}
	return G.NewTapeMachine(n.g, G.BindDualValues(n.params...))
}

// fit trains as most programs do: for each step it runs the machine, calls Step and resets the
// machine. It ignores the error that Step returns.
func (n *net) fit(vm G.VM, solver G.Solver, steps int, next func()) error {
	model := G.NodesToValueGrads(n.params)
	for range steps {
		next()
		if err := vm.RunAll(); err != nil {
			return err
		}
		solver.Step(model)
		vm.Reset()
	}
	return nil
}

// evaluate runs the machine on several batches without a step. It calls next before each run and
// read after each run.
func evaluate(vm G.VM, batches int, next, read func()) error {
	for range batches {
		next()
		if err := vm.RunAll(); err != nil {
			return err
		}
		read()
		vm.Reset()
	}
	return nil
}

// zeroGrads clears the gradients after a run of the machine without a step. Otherwise the machine
// would add the next gradients to them.
func (n *net) zeroGrads() {
	for _, p := range n.params {
		if grad, err := p.Grad(); err == nil {
			G.ZeroValue(grad)
		}
	}
}

// share makes the net use the weights of another net, so later changes affect both nets.
func (n *net) share(params G.Nodes) {
	for i, p := range n.params {
		G.Let(p, params[i].Value())
	}
}

// let sets the value of an input node.
func (n *net) let(x *G.Node, data []float64) {
	t := tensor.New(tensor.WithShape(x.Shape()...), tensor.WithBacking(backing(n.dt, data)))
	if err := G.Let(x, t); err != nil {
		panic(err)
	}
}

// backing returns a copy of the data in the given dtype.
func backing(dt tensor.Dtype, data []float64) any {
	if dt == tensor.Float32 {
		xs := make([]float32, len(data))
		for i, x := range data {
			xs[i] = float32(x)
		}
		return xs
	}
	return append([]float64(nil), data...)
}

// glorot draws initial weights from a normal distribution with Glorot's variance. Gorgonia's
// GlorotN does not take a seed.
func glorot(r *rand.Rand) G.InitWFn {
	return func(dt tensor.Dtype, shape ...int) any {
		field := 1
		for _, d := range shape[2:] {
			field *= d
		}
		deviation := math.Sqrt(2 / float64((shape[0]+shape[1])*field))
		return gaussianInit(r, deviation)(dt, shape...)
	}
}

// gaussianInit draws initial weights from a normal distribution with the given standard deviation.
func gaussianInit(r *rand.Rand, deviation float64) G.InitWFn {
	return func(dt tensor.Dtype, shape ...int) any {
		return backing(dt, normals(r, tensor.Shape(shape).TotalSize(), deviation))
	}
}

// normals draws numbers from a normal distribution.
var normals = compare.Normals

// values returns the elements of a value as float64, in a new slice.
func values(v G.Value) []float64 {
	switch xs := v.Data().(type) {
	case []float32:
		ys := make([]float64, len(xs))
		for i, x := range xs {
			ys[i] = float64(x)
		}
		return ys
	case []float64:
		return append([]float64(nil), xs...)
	case float32:
		return []float64{float64(xs)}
	case float64:
		return []float64{xs}
	}
	panic(fmt.Sprintf("programs: a value of %T", v.Data()))
}

// table holds samples in rows.
type table struct {
	cols int
	data []float64
}

func (t table) rows() int { return len(t.data) / t.cols }

func (t table) row(i int) []float64 { return t.data[i*t.cols : (i+1)*t.cols] }

// pick returns the rows with the given numbers, concatenated.
func (t table) pick(rows []int) []float64 {
	xs := make([]float64, 0, len(rows)*t.cols)
	for _, i := range rows {
		xs = append(xs, t.row(i)...)
	}
	return xs
}

// draw returns n random integers from 0 to limit-1, with repetitions.
func draw(r *rand.Rand, n, limit int) []int {
	xs := make([]int, n)
	for i := range xs {
		xs[i] = r.IntN(limit)
	}
	return xs
}

// cycle returns a function. Each call returns the next n integers, which count from 0 to limit-1
// again and again.
func cycle(n, limit int) func() []int {
	at := 0
	return func() []int {
		xs := make([]int, n)
		for i := range xs {
			xs[i] = at
			at = (at + 1) % limit
		}
		return xs
	}
}

func rootMeanSquare(xs []float64) float64 {
	return floats.Norm(xs, 2) / math.Sqrt(float64(len(xs)))
}

// identity returns a square matrix with the one-hot rows of all indices.
func identity(size int) []float64 {
	xs := make([]float64, size*size)
	for i := range size {
		xs[i*size+i] = 1
	}
	return xs
}

// oneHot returns a slice with a 1 at index i and zeros elsewhere.
func oneHot(i, size int) []float64 {
	xs := make([]float64, size)
	xs[i] = 1
	return xs
}
