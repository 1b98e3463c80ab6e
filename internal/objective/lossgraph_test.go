package objective_test

import (
	"hash"
	"strings"
	"testing"

	"github.com/chewxy/hm"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/bind/bindtest"
	"github.com/l4-go/l4/internal/objective"
)

// scene is a graph with two vectors and the nodes that a test computes from them.
type scene struct {
	g    *gorgonia.ExprGraph
	w, v *gorgonia.Node
	loss *gorgonia.Node // that is right, if there is one
}

func newScene() *scene {
	s := &scene{g: gorgonia.NewGraph()}
	node := func(name string, seed float64) *gorgonia.Node {
		return gorgonia.NewVector(s.g, tensor.Float64, gorgonia.WithName(name),
			gorgonia.WithShape(3),
			gorgonia.WithValue(tensor.New(tensor.WithBacking([]float64{seed, -1, 2}))))
	}
	s.w, s.v = node("w", 1), node("v", 2)
	return s
}

// squares returns the sum of squares of a node times a factor.
func squares(n *gorgonia.Node, factor float64) *gorgonia.Node {
	return times(gorgonia.Must(gorgonia.Sum(gorgonia.Must(gorgonia.Square(n)))), factor)
}

func times(n *gorgonia.Node, factor float64) *gorgonia.Node {
	return gorgonia.Must(gorgonia.Mul(n, gorgonia.NewConstant(factor)))
}

func plus(a, b *gorgonia.Node) *gorgonia.Node { return gorgonia.Must(gorgonia.Add(a, b)) }

func grad(t *testing.T, loss *gorgonia.Node, weights ...*gorgonia.Node) *gorgonia.Node {
	t.Helper()
	if _, err := gorgonia.Grad(loss, weights...); err != nil {
		t.Fatal(err)
	}
	return loss
}

// run computes a loss and its gradients.
func run(t *testing.T, loss *gorgonia.Node, weights ...*gorgonia.Node) {
	t.Helper()
	vm := gorgonia.NewTapeMachine(loss.Graph(), gorgonia.BindDualValues(weights...))
	defer vm.Close()
	if err := vm.RunAll(); err != nil {
		t.Fatal(err)
	}
}

// identity is an operation that returns its operand and passes its gradient on unchanged.
type identity struct{}

func (identity) Arity() int            { return 1 }
func (identity) ReturnsPtr() bool      { return false }
func (identity) CallsExtern() bool     { return false }
func (identity) OverwritesInput() int  { return -1 }
func (identity) WriteHash(h hash.Hash) { h.Write([]byte("identity")) }
func (identity) Hashcode() uint32      { return 0x1d }
func (identity) String() string        { return "identity" }
func (identity) DiffWRT(int) []bool    { return []bool{true} }
func (identity) Do(v ...gorgonia.Value) (gorgonia.Value, error) {
	return v[0], nil
}

func (identity) Type() hm.Type {
	return hm.NewFnType(hm.TypeVariable('a'), hm.TypeVariable('a'))
}

func (identity) InferShape(s ...gorgonia.DimSizer) (tensor.Shape, error) {
	return s[0].(tensor.Shape).Clone(), nil
}

func (identity) SymDiff(_ gorgonia.Nodes, _, grad *gorgonia.Node) (gorgonia.Nodes, error) {
	return gorgonia.Nodes{grad}, nil
}

// TestWhichLoss: a reader without a loss finds the node that gorgonia.Grad started from. If there
// are several such nodes, or none, the error names the cause. A reader that gets the loss returns
// the same error if it can detect the fault.
func TestWhichLoss(t *testing.T) {
	both := func(s *scene) gorgonia.Nodes { return gorgonia.Nodes{s.w, s.v} }
	for name, c := range map[string]struct {
		build   func(s *scene)
		weights func(s *scene) gorgonia.Nodes // the weights that the step updates
		want    string                        // text of the error without a loss
		given   string                        // text of the error with the scene's loss
	}{
		"one": {build: func(s *scene) {
			s.loss = grad(t, plus(squares(s.w, 1), squares(s.v, 2)), s.w, s.v)
		}},
		"with nodes computed from it": {build: func(s *scene) {
			s.loss = grad(t, plus(squares(s.w, 1), squares(s.v, 2)), s.w, s.v)
			gorgonia.Must(gorgonia.Exp(s.loss))
			times(s.loss, 7)
			var value gorgonia.Value
			gorgonia.Read(s.loss, &value)
		}},
		"with nodes computed from it before": {build: func(s *scene) {
			s.loss = plus(squares(s.w, 1), squares(s.v, 2))
			gorgonia.Must(gorgonia.Exp(s.loss))
			grad(t, s.loss, s.w, s.v)
		}},
		"a sum whose terms have nodes": {build: func(s *scene) {
			// The gradient of each term is the constant 1, like the gradient of the loss.
			data, decay, bias := squares(s.w, 1), squares(s.v, 2), gorgonia.Must(gorgonia.Sum(s.v))
			for _, term := range []*gorgonia.Node{data, decay, bias} {
				var value gorgonia.Value
				gorgonia.Read(term, &value)
			}
			s.loss = grad(t, gorgonia.Must(gorgonia.Sub(plus(data, decay), bias)), s.w, s.v)
		}},
		"a part of the weights": {build: func(s *scene) {
			s.loss = grad(t, plus(squares(s.w, 1), squares(s.v, 2)), s.w, s.v)
		}, weights: func(s *scene) gorgonia.Nodes { return gorgonia.Nodes{s.v} }},
		"a product used twice": {build: func(s *scene) {
			p := gorgonia.Must(gorgonia.HadamardProd(s.w, s.w))
			s.loss = grad(t, plus(squares(p, 1), gorgonia.Must(gorgonia.Sum(plus(p, s.v)))),
				s.w, s.v)
		}},
		"BinaryXent, which removes a node of the graph": {build: func(s *scene) {
			target := gorgonia.NewVector(s.g, tensor.Float64, gorgonia.WithName("target"),
				gorgonia.WithShape(3), gorgonia.WithInit(gorgonia.Ones()))
			xent := gorgonia.Must(gorgonia.BinaryXent(gorgonia.Must(gorgonia.Sigmoid(s.w)), target))
			s.loss = grad(t, plus(gorgonia.Must(gorgonia.Mean(xent)), squares(s.v, 2)), s.w, s.v)
		}},
		"an operation of another package": {build: func(s *scene) {
			s.loss = grad(t, gorgonia.Must(gorgonia.ApplyOp(identity{},
				plus(squares(s.w, 1), squares(s.v, 2)))), s.w, s.v)
		}},
		"two, of one weight each": {build: func(s *scene) {
			grad(t, squares(s.v, 2), s.v)
			s.loss = grad(t, squares(s.w, 1), s.w)
		}, weights: func(s *scene) gorgonia.Nodes { return gorgonia.Nodes{s.w} }},
		"two, of one weight each, stepped at once": {build: func(s *scene) {
			grad(t, squares(s.v, 2), s.v)
			grad(t, squares(s.w, 1), s.w)
		}, want: "was called for several"},
		"two of the same weights": { // as in a generative adversarial net of one graph
			build: func(s *scene) {
				s.loss = grad(t, plus(squares(s.w, 1), squares(s.v, 2)), s.w, s.v)
				grad(t, plus(squares(s.w, 3), squares(s.v, 4)), s.w, s.v)
			}, want: "was called for several"},
		"Grad twice": {build: func(s *scene) {
			s.loss = plus(squares(s.w, 1), squares(s.v, 2))
			grad(t, s.loss, s.w, s.v)
			grad(t, s.loss, s.w, s.v)
		}},
		"Grad again for a part": {build: func(s *scene) { // which changes nothing
			part := squares(s.w, 1)
			s.loss = grad(t, plus(part, squares(s.v, 2)), s.w, s.v)
			grad(t, part, s.w)
		}},
		"Grad for a part first": {build: func(s *scene) {
			part := grad(t, squares(s.w, 1), s.w)
			s.loss = grad(t, plus(times(part, 3), squares(s.v, 2)), s.w, s.v)
		}, want: "called for another loss before", given: "called for another loss before"},
		"Grad for a term first, with the same weight in the others": {build: func(s *scene) {
			part := grad(t, squares(s.w, 1), s.w)
			s.loss = grad(t, plus(plus(part, squares(s.v, 2)), gorgonia.Must(gorgonia.Sum(s.w))),
				s.w, s.v)
		}, want: "called for another loss before", given: "called for another loss before"},
		"Grad for a node used twice": {build: func(s *scene) {
			part := grad(t, squares(s.w, 1), s.w)
			s.loss = grad(t, plus(gorgonia.Must(gorgonia.Square(part)),
				plus(part, squares(s.v, 2))), s.w, s.v)
		}, want: "called for another loss before", given: "called for another loss before"},
		"gradients of twice the loss": {build: func(s *scene) {
			s.loss = plus(squares(s.w, 1), squares(s.v, 2))
			two := gorgonia.NewScalar(s.g, tensor.Float64, gorgonia.WithName("two"),
				gorgonia.WithValue(2.0))
			if _, err := gorgonia.Backpropagate(gorgonia.Nodes{s.loss}, gorgonia.Nodes{two},
				both(s)); err != nil {
				t.Fatal(err)
			}
		}, want: "the gradients are 2 times the gradients of this loss",
			given: "the gradients are 2 times the gradients of this loss"},
		"overwritten": {build: func(s *scene) {
			s.loss = plus(squares(s.w, 1), squares(s.v, 2))
			times(gorgonia.Must(gorgonia.Reshape(s.loss, tensor.Shape{1, 1})), 3)
			grad(t, s.loss, s.w, s.v)
		}, want: "overwrites the loss", given: "overwrites the loss"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene()
			c.build(s)
			weights := both(s)
			if c.weights != nil {
				weights = c.weights(s)
			}
			vm := gorgonia.NewTapeMachine(s.g, gorgonia.BindDualValues(weights...))
			defer vm.Close()
			if err := vm.RunAll(); err != nil {
				t.Fatal(err)
			}
			check := func(loss gorgonia.Valuer, want string) {
				t.Helper()
				r := objective.Reader{Loss: loss, CheckOps: true}
				for range 2 { // the second time the graph is known
					x, narrow, err := r.Read(gorgonia.NodesToValueGrads(weights))
					switch {
					case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
						t.Errorf("loss %v: error %v, want %q", loss, err, want)
					case want == "" && (err != nil || narrow ||
						x != bindtest.Numbers(s.loss.Value())[0]):
						t.Errorf("loss %v: %v, error %v", loss, x, err)
					}
				}
			}
			check(nil, c.want)
			if s.loss == nil {
				return
			}
			check(s.loss, c.given)
		})
	}
}
