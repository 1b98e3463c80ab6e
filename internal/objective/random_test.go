package objective_test

import (
	"math"
	"math/rand/v2"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/bind/bindtest"
	"github.com/l4-go/l4/internal/objective"
)

// randomLoss returns a loss of random operations on two vectors.
func randomLoss(r *rand.Rand, w, v *G.Node) *G.Node {
	vectors := []*G.Node{w, v}
	sum := func(n *G.Node) *G.Node { return G.Must(G.Sum(n)) }
	scalars := []*G.Node{sum(w), sum(v)}
	unary := []func(*G.Node) *G.Node{
		func(n *G.Node) *G.Node { return G.Must(G.Tanh(n)) }, logSigmoid, neg, squareOf, threeMinus,
		func(n *G.Node) *G.Node { return times(n, 0.5) },
	}
	product := func(a, b *G.Node) *G.Node { return G.Must(G.HadamardProd(a, b)) }
	binary := []func(a, b *G.Node) *G.Node{plus, minus, product}
	for range 4 + r.IntN(12) {
		list := &vectors
		if r.IntN(2) == 0 {
			list = &scalars
		}
		pick := func() *G.Node { return (*list)[r.IntN(len(*list))] }
		var n *G.Node
		switch r.IntN(4) {
		case 0:
			n = unary[r.IntN(len(unary))](pick())
		case 1:
			n = sum(vectors[r.IntN(len(vectors))])
			list = &scalars
		default:
			n = binary[r.IntN(len(binary))](pick(), pick())
		}
		*list = append(*list, n)
	}
	loss := sum(plus(w, v)) // depends on both
	for range 3 {
		loss = binary[r.IntN(2)](loss, scalars[r.IntN(len(scalars))])
	}
	return binary[r.IntN(2)](loss, sum(vectors[len(vectors)-1]))
}

// TestRandomGraphs: the gradients of a random loss are accepted, and agree with central
// differences.
func TestRandomGraphs(t *testing.T) {
	seeds := uint64(1000)
	if testing.Short() {
		seeds = 200
	}
	for seed := range seeds {
		s := newScene()
		setSmall(t, s.w, s.v)
		loss := randomLoss(rand.New(rand.NewPCG(seed, 0)), s.w, s.v)
		grad(t, loss, s.w, s.v)
		run(t, loss, s.w, s.v)
		model := G.NodesToValueGrads(G.Nodes{s.w, s.v})
		for _, given := range []G.Valuer{loss, nil} {
			r := objective.Reader{Loss: given, CheckOps: true}
			if _, _, err := r.Read(model); err != nil {
				t.Errorf("seed %d, loss given %v: %v", seed, given != nil, err)
			}
		}
		var gradients []float64
		for _, p := range model {
			g, err := p.Grad()
			if err != nil {
				t.Fatal(err)
			}
			gradients = append(gradients, bindtest.Numbers(g)...)
		}
		at := func(i int, h float64) float64 {
			s := newScene()
			setSmall(t, s.w, s.v)
			G.Nodes{s.w, s.v}[i/3].Value().(*tensor.Dense).Float64s()[i%3] += h
			loss := randomLoss(rand.New(rand.NewPCG(seed, 0)), s.w, s.v)
			run(t, loss)
			return bindtest.Numbers(loss.Value())[0]
		}
		i := int(seed % 6)
		want := (at(i, 1e-5) - at(i, -1e-5)) / 2e-5
		if math.Abs(gradients[i]-want) > 1e-6*(1+math.Abs(want)) {
			t.Errorf("seed %d: gradient %v of element %d, want %v", seed, gradients[i], i, want)
		}
	}
}
