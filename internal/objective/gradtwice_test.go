package objective_test

import (
	"strings"
	"testing"

	"gonum.org/v1/gonum/floats"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/bind/bindtest"
	"github.com/l4-go/l4/internal/objective"
)

// terms are two nodes that a loss is built from.
type terms struct{ a, b *G.Node }

// termKinds build terms from two vectors.
var termKinds = map[string]func(w, v *G.Node) terms{
	"separate": func(w, v *G.Node) terms { return terms{squares(w, 1), sumExp(v)} },
	"shared": func(w, v *G.Node) terms {
		h := G.Must(G.HadamardProd(w, v))
		return terms{squares(h, 1), sumExp(h)}
	},
	"sums": func(w, v *G.Node) terms { return terms{G.Must(G.Sum(w)), G.Must(G.Sum(v))} },
	"products": func(w, v *G.Node) terms { // as the logits of a discriminator
		return terms{G.Must(G.Sum(G.Must(G.HadamardProd(w, v)))), G.Must(G.Sum(G.Must(G.Tanh(v))))}
	},
}

func sumExp(n *G.Node) *G.Node          { return G.Must(G.Sum(G.Must(G.Exp(n)))) }
func minus(a, b *G.Node) *G.Node        { return G.Must(G.Sub(a, b)) }
func neg(n *G.Node) *G.Node             { return G.Must(G.Neg(n)) }
func logSigmoid(n *G.Node) *G.Node      { return G.Must(G.Log(G.Must(G.Sigmoid(n)))) }
func squareOf(n *G.Node) *G.Node        { return G.Must(G.Square(n)) }
func logOf(n *G.Node) *G.Node           { return G.Must(G.Log(n)) }
func over(x float64, n *G.Node) *G.Node { return G.Must(G.Div(G.NewConstant(x), n)) }
func threeMinus(n *G.Node) *G.Node      { return minus(G.NewConstant(3.0), n) }
func logOneMinusSigmoid(n *G.Node) *G.Node {
	return G.Must(G.Log(minus(G.NewConstant(1.0), G.Must(G.Sigmoid(n)))))
}

// lossKinds build a loss from terms.
var lossKinds = map[string]func(t terms) *G.Node{
	"a":            func(t terms) *G.Node { return t.a },
	"a + 3":        func(t terms) *G.Node { return plus(t.a, G.NewConstant(3.0)) },
	"a - 3":        func(t terms) *G.Node { return minus(t.a, G.NewConstant(3.0)) },
	"3 - a":        func(t terms) *G.Node { return threeMinus(t.a) },
	"3 - (3 - a)":  func(t terms) *G.Node { return threeMinus(threeMinus(t.a)) },
	"-a":           func(t terms) *G.Node { return neg(t.a) },
	"-(-a)":        func(t terms) *G.Node { return neg(neg(t.a)) },
	"3a":           func(t terms) *G.Node { return times(t.a, 3) },
	"1a":           func(t terms) *G.Node { return times(t.a, 1) },
	"exp(a)":       func(t terms) *G.Node { return G.Must(G.Exp(t.a)) },
	"exp(exp(a))":  func(t terms) *G.Node { return G.Must(G.Exp(G.Must(G.Exp(times(t.a, 0.1))))) },
	"a + b":        func(t terms) *G.Node { return plus(t.a, t.b) },
	"a - b":        func(t terms) *G.Node { return minus(t.a, t.b) },
	"b - a":        func(t terms) *G.Node { return minus(t.b, t.a) },
	"-(a + b)":     func(t terms) *G.Node { return neg(plus(t.a, t.b)) },
	"-(-a - b)":    func(t terms) *G.Node { return neg(minus(neg(t.a), t.b)) },
	"a + 3b":       func(t terms) *G.Node { return plus(t.a, times(t.b, 3)) },
	"ab":           func(t terms) *G.Node { return G.Must(G.Mul(t.a, t.b)) },
	"a/b":          func(t terms) *G.Node { return G.Must(G.Div(t.a, t.b)) },
	"a + a":        func(t terms) *G.Node { return plus(t.a, t.a) },
	"a - (b + a)":  func(t terms) *G.Node { return minus(t.a, plus(t.b, t.a)) },
	"a - (b - a)":  func(t terms) *G.Node { return minus(t.a, minus(t.b, t.a)) },
	"-log σ(a)":    func(t terms) *G.Node { return neg(logSigmoid(t.a)) },
	"-log(1-σ(a))": func(t terms) *G.Node { return neg(logOneMinusSigmoid(t.a)) },
	"-(log σ(a) + log(1-σ(a)))": func(t terms) *G.Node {
		return neg(plus(logSigmoid(t.a), logOneMinusSigmoid(t.a)))
	},
	// Gorgonia computes equal gradients, and equal nodes of gradient and loss, only once.
	"2a + 2a²":   func(t terms) *G.Node { return plus(times(t.a, 2), times(squareOf(t.a), 2)) },
	"3 - a - a²": func(t terms) *G.Node { return minus(threeMinus(t.a), squareOf(t.a)) },
	"log a² + 3/a²": func(t terms) *G.Node {
		return plus(logOf(squareOf(t.a)), over(3, squareOf(t.a)))
	},
	"log a² + b/a²": func(t terms) *G.Node {
		return plus(logOf(squareOf(t.a)), G.Must(G.Mul(t.b, over(1, squareOf(t.a)))))
	},
	"a + b + ab + b²": func(t terms) *G.Node {
		return plus(plus(t.a, t.b), plus(G.Must(G.Mul(t.a, t.b)), squareOf(t.b)))
	},
	"-(log σ(b) + log(1-σ(a)))": func(t terms) *G.Node { // of a discriminator
		return neg(plus(logSigmoid(t.b), logOneMinusSigmoid(t.a)))
	},
}

// TestGradForOtherLosses compares the gradients of many losses with the gradients in a graph in
// which the program calls gorgonia.Grad only once. Read returns an error if the gradients are wrong
// because the program has also called gorgonia.Grad for another loss, and returns none if the
// program has called it only once. Some wrong gradients of a given loss are not detected.
func TestGradForOtherLosses(t *testing.T) {
	others := map[string]func(t terms, w, v *G.Node){
		"a": func(t terms, w, _ *G.Node) { _, _ = G.Grad(t.a, w) },
		"b": func(t terms, _, v *G.Node) { _, _ = G.Grad(t.b, v) },
		"a, then b": func(t terms, w, v *G.Node) {
			_, _ = G.Grad(t.a, w)
			_, _ = G.Grad(t.b, v)
		},
		"a for both":   func(t terms, w, v *G.Node) { _, _ = G.Grad(t.a, w, v) },
		"another loss": func(_ terms, w, v *G.Node) { _, _ = G.Grad(squares(plus(w, v), 1), w, v) },
	}
	none := func(terms, *G.Node, *G.Node) {}
	for termKind, newTerms := range termKinds {
		for lossKind, newLoss := range lossKinds {
			// build returns false if Gorgonia cannot compute the gradients.
			build := func(before, after func(t terms, w, v *G.Node)) (l readLoss, ok bool) {
				s := newScene()
				setSmall(t, s.w, s.v)
				terms := newTerms(s.w, s.v)
				before(terms, s.w, s.v)
				l.loss, l.weights = newLoss(terms), G.Nodes{s.w, s.v}
				if (termKind == "separate" || termKind == "sums") &&
					!strings.Contains(lossKind, "b") {
					l.weights = l.weights[:1] // the loss does not depend on v
				}
				if _, err := G.Grad(l.loss, l.weights...); err != nil {
					return l, false
				}
				after(terms, s.w, s.v)
				vm := G.NewTapeMachine(s.g, G.BindDualValues(l.weights...))
				defer vm.Close()
				if err := vm.RunAll(); err != nil {
					return l, false
				}
				for _, n := range l.weights {
					g, err := n.Grad()
					if err != nil {
						t.Fatal(err)
					}
					l.gradients = append(l.gradients, bindtest.Numbers(g)...)
				}
				return l, true
			}
			once, ok := build(none, none)
			if !ok {
				t.Fatalf("%s, terms %s: Gorgonia cannot compute the gradients", lossKind, termKind)
			}
			for _, err := range once.read() {
				if err != nil {
					t.Errorf("loss %s, terms %s: %v", lossKind, termKind, err)
				}
			}
			for other, callGrad := range others {
				for i := range 2 {
					calls := []func(t terms, w, v *G.Node){none, none}
					calls[i] = callGrad
					twice, ok := build(calls[0], calls[1])
					if other == "another loss" && termKind == "sums" {
						continue // both gradients are computed from the constant 1 only
					}
					if !ok || floats.EqualApprox(twice.gradients, once.gradients, 1e-9) {
						continue
					}
					for _, err := range twice.read() {
						if err == nil {
							t.Errorf("loss %s, terms %s, Grad for %s at %d: no error, but the "+
								"gradients are %v, want %v", lossKind, termKind, other, i,
								twice.gradients, once.gradients)
						}
					}
				}
			}
		}
	}
}

// readLoss is a loss with its weights and their gradients.
type readLoss struct {
	loss      *G.Node
	weights   G.Nodes
	gradients []float64
}

// read returns the errors of a reader that has the loss and of a reader that must find it.
func (l readLoss) read() (errs [2]error) {
	model := G.NodesToValueGrads(l.weights)
	_, _, errs[0] = (&objective.Reader{Loss: l.loss}).Read(model)
	_, _, errs[1] = new(objective.Reader).Read(model)
	return errs
}

// setSmall gives vectors of three elements values near 0.
func setSmall(t *testing.T, vectors ...*G.Node) {
	t.Helper()
	for i, n := range vectors {
		small := tensor.New(tensor.WithBacking([]float64{0.5, 0.7 - float64(i), 0.2}))
		if err := G.Let(n, small); err != nil {
			t.Fatal(err)
		}
	}
}
