package op_test

import (
	"fmt"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/op"
	"github.com/l4-go/l4/internal/op/optest"
)

// polynomial is the module (a, b, c) -> a·b² + c·Σa, with a and b of any shape and a scalar c.
type polynomial[T op.Float] struct{}

func (polynomial[T]) Forward(out []T, in [][]T) {
	sum := T(0)
	for _, a := range in[0] {
		sum += a
	}
	for i, a := range in[0] {
		out[i] = a*in[1][i]*in[1][i] + in[2][0]*sum
	}
}

func (polynomial[T]) Backward(grads, in [][]T, _, dout []T) {
	sumA, sumD := T(0), T(0)
	for i, d := range dout {
		sumA += in[0][i]
		sumD += d
	}
	for i, d := range dout {
		a, b := in[0][i], in[1][i]
		if grads[0] != nil {
			grads[0][i] = d*b*b + in[2][0]*sumD
		}
		grads[1][i] = d * 2 * a * b
	}
	grads[2][0] = sumD * sumA
}

func polynomialNode(constant []int, n ...*G.Node) (*G.Node, error) {
	s := op.Spec{Name: "Polynomial", Shape: n[0].Shape(), Constant: constant}
	if n[0].Dtype() == tensor.Float32 {
		return op.Apply(polynomial[float32]{}, s, n...)
	}
	return op.Apply(polynomial[float64]{}, s, n...)
}

func TestApply(t *testing.T) {
	for _, shape := range []tensor.Shape{{4}, {2, 3}, {1, 2, 1, 2}, {1}, {1, 1}, {}} {
		t.Run(fmt.Sprint(shape), func(t *testing.T) {
			optest.Operation{
				Shapes: []tensor.Shape{shape, shape, {}},
				Params: 3,
				Loss: func(n G.Nodes) (*G.Node, error) {
					y, err := polynomialNode(nil, n...)
					if err != nil || len(shape) == 0 {
						return y, err
					}
					return optest.Weighted(y, nil)
				},
			}.Check(t)
		})
	}
}

// TestApplyConstant: a constant has no gradient, and the others keep theirs.
func TestApplyConstant(t *testing.T) {
	optest.Operation{
		Shapes: []tensor.Shape{{2, 3}, {}, {2, 3}},
		Params: 2,
		Loss: func(n G.Nodes) (*G.Node, error) {
			return optest.Weighted(polynomialNode([]int{0}, n[2], n[0], n[1]))
		},
	}.Check(t)
}

// TestApplyTwice: two nodes of one module on the same inputs are two operations, and their
// gradients add up.
func TestApplyTwice(t *testing.T) {
	optest.Operation{
		Shapes: []tensor.Shape{{3}, {3}, {}},
		Params: 3,
		Loss: func(n G.Nodes) (*G.Node, error) {
			a, b := G.Must(polynomialNode(nil, n...)), G.Must(polynomialNode(nil, n...))
			if a == b || a.Hashcode() == b.Hashcode() {
				t.Error("Gorgonia takes two nodes for one")
			}
			return optest.Weighted(polynomialNode(nil, a, b, n[2]))
		},
	}.Check(t)
}

// TestApplyMemory: each run writes the output and the gradients to the same memory.
func TestApplyMemory(t *testing.T) {
	var y *G.Node
	e := optest.Operation{
		Shapes: []tensor.Shape{{3}, {3}, {}},
		Params: 3,
		Loss: func(n G.Nodes) (*G.Node, error) {
			y = G.Must(polynomialNode(nil, n...))
			return optest.Weighted(y, nil)
		},
	}.Build(t, tensor.Float64)
	e.Run(t)
	first := y.Value()
	e.Run(t)
	if y.Value() != first {
		t.Error("the second run has another output")
	}
}

// TestApplyRejects: inputs of another dtype, shape or layout are errors that begin with the name of
// the operation.
func TestApplyRejects(t *testing.T) {
	wantError := func(what, want string, err error) {
		t.Helper()
		if err == nil || !strings.HasPrefix(err.Error(), "Polynomial: "+want) {
			t.Errorf("%s: error %v, want %q", what, err, want)
		}
	}
	g := G.NewGraph()
	wide := G.NewVector(g, G.Float64, G.WithName("wide"), G.WithShape(3))
	narrow := G.NewVector(g, G.Float32, G.WithName("narrow"), G.WithShape(3))
	s := op.Spec{Name: "Polynomial", Shape: tensor.Shape{3}}
	_, err := op.Apply(polynomial[float64]{}, s, wide, narrow, wide)
	wantError("a float32 among float64", "input 1 has dtype float32, want float64", err)

	c := G.NewScalar(g, G.Float64, G.WithName("c"), G.WithValue(1.0))
	y := G.Must(op.Apply(polynomial[float64]{}, s, wide, wide, c))
	vm := G.NewTapeMachine(g)
	defer vm.Close()
	for name, v := range map[string]*tensor.Dense{
		"longer":  tensor.New(tensor.WithBacking(make([]float64, 4))),
		"float32": tensor.New(tensor.WithBacking(make([]float32, 3))),
		"a view":  column(t),
	} {
		_, err := y.Op().Do(v, v, G.NewF64(1))
		wantError(name, "input 0: the value ", err)
	}
}

// column is a view of three numbers that do not lie side by side.
func column(t *testing.T) *tensor.Dense {
	m := tensor.New(tensor.WithShape(3, 2), tensor.WithBacking(make([]float64, 6)))
	v, err := m.Slice(nil, tensor.S(0))
	if err != nil {
		t.Fatal(err)
	}
	return v.(*tensor.Dense)
}
