package paper

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/op"
	"github.com/l4-go/l4/internal/op/optest"
)

// randomMLP returns a net with random weights in all layers. With the initial layer of zeros many
// gradients would be 0.
func randomMLP(dt tensor.Dtype) *Net {
	r := rand.New(rand.NewPCG(1, 2))
	ws := MLPWeights(dt, []int{4, 7, 6, 3}, r)
	for _, w := range ws {
		op.Fill(w, func() float64 { return r.NormFloat64() / 2 })
	}
	return MLP(ws, 5)
}

// TestGradient checks the gradients of every weight against central differences.
func TestGradient(t *testing.T) {
	net := randomMLP(tensor.Float64)
	fillBatch(net)
	run := machine(t, net)
	run()
	grads := gradients(t, net)
	const h = 1e-6
	for k, w := range net.Weights {
		xs := w.Value().Data().([]float64)
		for i, x := range xs {
			xs[i] = x + h
			up := run()
			xs[i] = x - h
			down := run()
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
	a, b := randomMLP(tensor.Float32), randomMLP(tensor.Float32)
	fillBatch(a)
	fillBatch(b)
	runA, runB := machine(t, a), machine(t, b)
	runA()
	before := gradients(t, a)
	b.Input.Value().(*tensor.Dense).Zero()
	runB()
	if !slices.EqualFunc(gradients(t, a), before, slices.Equal[[]float64]) {
		t.Error("the gradients of two nets share memory")
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
	for _, x := range floats(ws[1], ws[2], ws[3]) {
		if x != 0 {
			t.Fatal("biases and the last layer are not zero")
		}
	}
}
