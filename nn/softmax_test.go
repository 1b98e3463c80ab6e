package nn

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/op/optest"
)

// TestCertainty: the loss of a net that is as good as certain is small, positive and precise.
func TestCertainty(t *testing.T) {
	for _, margin := range []float64{0, 1, 10, 20, 50, 80} {
		want := math.Log1p(2 * math.Exp(-margin))
		logits, target := []float32{float32(margin), 0, 0}, []float32{1, 0, 0}
		if got := meanLoss(logits, target, 1); math.Abs(got-want) > 1e-14*want || got <= 0 {
			t.Errorf("margin %v: loss %v, want %v", margin, got, want)
		}
		grad := make([]float32, 3)
		lossGradient(grad, logits, target, 1, 1)
		p := math.Exp(-margin) / (1 + 2*math.Exp(-margin))
		for i, want := range []float64{-2 * p, p, p} {
			if math.Abs(float64(grad[i])-want) > 1e-6*p {
				t.Errorf("margin %v: gradient %v of logit %d, want %v", margin, grad[i], i, want)
			}
		}
	}
	if got := meanLoss([]float32{1e30, 0}, []float32{0, 1}, 1); got != float64(float32(1e30)) {
		t.Errorf("loss %v of an utter mistake", got)
	}
}

// naive is the definition, without care for large numbers.
func naive(logits, targets []float64, rows int) (loss float64) {
	classes := len(logits) / rows
	for r := range rows {
		sum := 0.0
		for _, x := range logits[r*classes : (r+1)*classes] {
			sum += math.Exp(x)
		}
		for i, x := range logits[r*classes : (r+1)*classes] {
			loss += targets[r*classes+i] * (math.Log(sum) - x) / float64(rows)
		}
	}
	return loss
}

// TestDefinition: the loss is that of the definition, for targets of any sum, and does not change
// when a number is added to all logits of a row.
func TestDefinition(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		rows, classes := 1+r.IntN(4), 1+r.IntN(5)
		logits, targets := make([]float64, rows*classes), make([]float64, rows*classes)
		for i := range logits {
			logits[i], targets[i] = 3*r.NormFloat64(), r.Float64()
		}
		got, want := meanLoss(logits, targets, rows), naive(logits, targets, rows)
		if math.Abs(got-want) > 1e-12*(1+want) {
			t.Fatalf("loss %v, want %v", got, want)
		}
		for i := range logits[:classes] {
			logits[i] += 1e4
		}
		if shifted := meanLoss(logits, targets, rows); math.Abs(shifted-got) > 1e-10*(1+got) {
			t.Fatalf("loss %v of a shifted row, was %v", shifted, got)
		}
	}
}

// TestGradient compares the gradient with central differences, for soft targets of any sum, in a
// graph.
func TestGradient(t *testing.T) {
	o := optest.Operation{
		Shapes: []tensor.Shape{{4, 5}, {4, 5}}, Params: 1,
		Loss: func(in G.Nodes) (*G.Node, error) { return SoftmaxCrossEntropy(in[0], in[1]) },
	}
	o.Check(t)
}

// TestEachRowHasItsOwnLargest: where Gorgonia's SoftMax takes the largest logit of the first row for
// all rows, and gives NaN.
func TestEachRowHasItsOwnLargest(t *testing.T) {
	g := G.NewGraph()
	logits := matrix(g, "logits", []float32{1, 2, 3, 200, 1, 2}, 2, 3)
	targets := matrix(g, "targets", []float32{0, 0, 1, 1, 0, 0}, 2, 3)
	loss := G.Must(SoftmaxCrossEntropy(logits, targets))
	vm := G.NewTapeMachine(g)
	defer vm.Close()
	if err := vm.RunAll(); err != nil {
		t.Fatal(err)
	}
	want := naive([]float64{1, 2, 3}, []float64{0, 0, 1}, 1) / 2 // the other row's is exp(-198)
	if got := float64(*loss.Value().(*G.F32)); math.Abs(got-want) > 1e-6 {
		t.Errorf("loss %v, want %v", got, want)
	}
}

func matrix[T float32 | float64](g *G.ExprGraph, name string, xs []T, shape ...int) *G.Node {
	v := tensor.New(tensor.WithShape(shape...), tensor.WithBacking(xs))
	return G.NewMatrix(g, v.Dtype(), G.WithName(name), G.WithShape(shape...), G.WithValue(v))
}

// TestNotFinite: NaN and Inf reach the loss.
func TestNotFinite(t *testing.T) {
	for _, x := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		for at := range 3 {
			logits := []float64{1, 2, 3}
			logits[at] = x
			loss := meanLoss(logits, []float64{0.2, 0.3, 0.5}, 1)
			if math.Abs(loss) <= math.MaxFloat64 {
				t.Errorf("logit %d is %v: loss %v", at, x, loss)
			}
		}
	}
}

// TestErrors: what does not fit is an error when the graph is built.
func TestErrors(t *testing.T) {
	g := G.NewGraph()
	m := matrix(g, "m", make([]float64, 6), 2, 3)
	for want, other := range map[string]*G.Node{
		"shape (3, 2)": matrix(g, "turned", make([]float64, 6), 3, 2),
		"float32":      matrix(g, "narrow", make([]float32, 6), 2, 3),
	} {
		if _, err := SoftmaxCrossEntropy(m, other); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that says %q", err, want)
		}
	}
}
