package paper

import (
	"math"
	"math/rand/v2"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/op"
	"github.com/l4-go/l4/internal/op/optest"
)

// lossAndGradients evaluates a net at inputs that depend on the seed.
func lossAndGradients(
	t *testing.T, weights Weights, scale float64,
) (net *Net, loss float64, grads [][]float64) {
	t.Helper()
	const batch = 5
	net = MLP(weights, batch)
	r := rand.New(rand.NewPCG(3, 4))
	op.Fill(net.Input.Value().(*tensor.Dense), func() float64 { return scale * r.NormFloat64() })
	i := 0
	classes := net.Target.Shape()[1]
	op.Fill(net.Target.Value().(*tensor.Dense), func() float64 {
		i++
		if (i-1)%classes == ((i-1)/classes)%classes {
			return 1
		}
		return 0
	})
	if _, err := G.Grad(net.Loss, net.Weights...); err != nil {
		t.Fatal(err)
	}
	vm := G.NewTapeMachine(net.Graph, G.BindDualValues(net.Weights...))
	defer vm.Close()
	if err := vm.RunAll(); err != nil {
		t.Fatal(err)
	}
	for _, w := range net.Weights {
		g, err := w.Grad()
		if err != nil {
			t.Fatal(err)
		}
		grads = append(grads, optest.Floats(g))
	}
	return net, optest.Floats(net.Loss.Value())[0], grads
}

// randomWeights returns random weights for all layers. With the initial layer of zeros many
// gradients would be 0.
func randomWeights(dt tensor.Dtype) Weights {
	r := rand.New(rand.NewPCG(1, 2))
	ws := MLPWeights(dt, []int{4, 7, 6, 3}, r)
	for _, w := range ws {
		op.Fill(w, func() float64 { return r.NormFloat64() / 2 })
	}
	return ws
}

// TestGradient checks the gradients of every weight against central differences.
func TestGradient(t *testing.T) {
	weights := randomWeights(tensor.Float64)
	_, _, grads := lossAndGradients(t, weights, 1)
	const h = 1e-6
	for k, w := range weights {
		xs := w.Float64s()
		for i, x := range xs {
			xs[i] = x + h
			_, up, _ := lossAndGradients(t, weights, 1)
			xs[i] = x - h
			_, down, _ := lossAndGradients(t, weights, 1)
			xs[i] = x
			want := (up - down) / (2 * h)
			if math.Abs(grads[k][i]-want) > 1e-8 {
				t.Errorf("weight %d, element %d: gradient %v, central difference %v", k, i,
					grads[k][i], want)
			}
		}
	}
}

// TestTwoNets: nets in one process do not share the memory of their gradients.
func TestTwoNets(t *testing.T) {
	a, b := randomWeights(tensor.Float32), randomWeights(tensor.Float32)
	netA, _, before := lossAndGradients(t, a, 1)
	lossAndGradients(t, b, 2)
	for k, w := range netA.Weights {
		g, _ := w.Grad()
		for i, x := range optest.Floats(g) {
			if x != before[k][i] {
				t.Fatal("the gradients of two nets share memory")
			}
		}
	}
}

func TestMLPWeights(t *testing.T) {
	ws := MLPWeights(tensor.Float32, []int{784, 300, 10}, rand.New(rand.NewPCG(1, 0)))
	bound := math.Sqrt(6.0 / 1084)
	low, high := 0.0, 0.0
	for _, x := range optest.Floats(ws[0]) {
		low, high = min(low, x), max(high, x)
	}
	if low < -bound || high > bound || low > -0.99*bound || high < 0.99*bound {
		t.Errorf("first matrix from %v to %v, want ±%v", low, high, bound)
	}
	for _, x := range append(append(optest.Floats(ws[1]), optest.Floats(ws[2])...),
		optest.Floats(ws[3])...) {
		if x != 0 {
			t.Fatal("biases and the last layer are not zero")
		}
	}
}
