package nn_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/op/optest"
	"github.com/l4-go/l4/nn"
)

// batch is a graph of a loss with its logits as input.
type batch struct {
	loss, logits *gorgonia.Node
	vm           gorgonia.VM
}

// newBatch builds the graph of the loss of some rows of logits and targets.
func newBatch(t *testing.T, dt tensor.Dtype, rows int, logits, targets []float64) *batch {
	t.Helper()
	g := gorgonia.NewGraph()
	b := &batch{logits: matrix(g, dt, "logits", rows, logits)}
	var err error
	b.loss, err = nn.SoftmaxCrossEntropy(b.logits, matrix(g, dt, "targets", rows, targets))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := gorgonia.Grad(b.loss, b.logits); err != nil {
		t.Fatal(err)
	}
	b.vm = gorgonia.NewTapeMachine(g)
	t.Cleanup(func() { b.vm.Close() })
	return b
}

func matrix(
	g *gorgonia.ExprGraph, dt tensor.Dtype, name string, rows int, xs []float64,
) *gorgonia.Node {
	var backing any = slices.Clone(xs)
	if dt == tensor.Float32 {
		narrow := make([]float32, len(xs))
		for i, x := range xs {
			narrow[i] = float32(x)
		}
		backing = narrow
	}
	return valued(g, name, backing, rows, len(xs)/rows)
}

// run returns the loss and its gradient.
func (b *batch) run(t testing.TB) (float64, []float64) {
	t.Helper()
	b.vm.Reset()
	if err := b.vm.RunAll(); err != nil {
		t.Fatal(err)
	}
	grad, err := b.logits.Grad()
	if err != nil {
		t.Fatal(err)
	}
	return optest.Floats(b.loss.Value())[0], optest.Floats(grad)
}

// naive computes the loss by its formula.
func naive(rows int, logits, targets []float64) (loss float64) {
	classes := len(logits) / rows
	for r := range rows {
		x, y := logits[r*classes:][:classes], targets[r*classes:][:classes]
		sum := 0.0
		for _, x := range x {
			sum += math.Exp(x)
		}
		for i := range x {
			loss += y[i] * (math.Log(sum) - x[i]) / float64(rows)
		}
	}
	return loss
}

func near(got, want, tolerance float64) bool { return math.Abs(got-want) <= tolerance }

// TestGradients compares the gradients with central differences in both dtypes. The loss is the
// square of the cross-entropy, so that the gradient for the cross-entropy is not 1. The targets are
// normally distributed: they can be negative, and their sum is not 1.
func TestGradients(t *testing.T) {
	for _, shape := range []tensor.Shape{{1, 1}, {1, 5}, {7, 1}, {4, 3}} {
		t.Run(fmt.Sprint(shape), func(t *testing.T) {
			optest.Operation{
				Shapes: []tensor.Shape{shape, shape}, Params: 1,
				Loss: func(n gorgonia.Nodes) (*gorgonia.Node, error) {
					loss, err := nn.SoftmaxCrossEntropy(n[0], n[1])
					if err != nil {
						return nil, err
					}
					return gorgonia.Square(loss)
				},
			}.Check(t)
		})
	}
}

// FuzzFormula checks that the loss equals its formula, and that it does not change if all logits of
// a row are shifted by the same number.
func FuzzFormula(f *testing.F) {
	f.Add(uint64(1), byte(1), byte(1), 0.0)
	f.Add(uint64(2), byte(4), byte(10), 1000.0)
	f.Add(uint64(3), byte(7), byte(2), -1e5)
	f.Fuzz(func(t *testing.T, seed uint64, rows, classes byte, shift float64) {
		if rows == 0 || classes == 0 || rows > 16 || classes > 16 || !(math.Abs(shift) < 1e6) {
			t.Skip()
		}
		r := rand.New(rand.NewPCG(seed, 0))
		n := int(rows) * int(classes)
		logits, targets, shifted := make([]float64, n), make([]float64, n), make([]float64, n)
		for i := range n {
			logits[i], targets[i] = 10*r.NormFloat64(), r.Float64()
			shifted[i] = logits[i] + shift*float64(1+i/int(classes))
		}
		loss, grad := newBatch(t, tensor.Float64, int(rows), logits, targets).run(t)
		want := naive(int(rows), logits, targets)
		if !near(loss, want, 1e-12*(1+math.Abs(want))*float64(classes)) {
			t.Errorf("loss %v, want %v", loss, want)
		}
		rounding := 1e-14 * (1 + 16*math.Abs(shift)) * float64(classes)
		got, gotGrad := newBatch(t, tensor.Float64, int(rows), shifted, targets).run(t)
		if !near(got, loss, rounding) {
			t.Errorf("loss %v of shifted logits, want %v", got, loss)
		}
		for i := range grad {
			if !near(gotGrad[i], grad[i], rounding) {
				t.Errorf("gradient %v of shifted logits, want %v", gotGrad[i], grad[i])
			}
		}
	})
}

// TestCertainty checks that the loss of a net that is almost certain is positive and precise.
func TestCertainty(t *testing.T) {
	for _, margin := range []float64{0, 1, 10, 20, 50, 80} {
		want := math.Log1p(2 * math.Exp(-margin))
		b := newBatch(t, tensor.Float32, 1, []float64{margin, 0, 0}, []float64{1, 0, 0})
		loss, grad := b.run(t)
		if !near(loss, want, 1e-7*want) || loss <= 0 {
			t.Errorf("margin %v: loss %v, want %v", margin, loss, want)
		}
		p := math.Exp(-margin) / (1 + 2*math.Exp(-margin))
		for i, want := range []float64{-2 * p, p, p} {
			if !near(grad[i], want, 1e-6*p) {
				t.Errorf("margin %v: gradient %v of logit %d, want %v", margin, grad[i], i, want)
			}
		}
	}
}

// TestExtremes checks losses and gradients of huge, infinite and NaN logits and targets.
func TestExtremes(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	for name, c := range map[string]struct {
		logits, targets []float64
		loss            float64
		nanGrad         bool
	}{
		"huge logits":               {[]float64{1e30, 0}, []float64{0, 1}, 1e30, false},
		"huge logits of both signs": {[]float64{1e38, -1e38}, []float64{0, 1}, 2e38, false},
		"an impossible class":       {[]float64{0, -inf, 0}, []float64{1, 0, 0}, math.Ln2, false},
		"an impossible target":      {[]float64{0, -inf, 0}, []float64{0, 1, 0}, inf, false},
		"NaN":                       {[]float64{0, nan, 0}, []float64{1, 0, 0}, nan, true},
		"NaN first":                 {[]float64{nan, 0, 0}, []float64{0, 1, 0}, nan, true},
		"NaN without a target":      {[]float64{nan, 0, 0}, []float64{0, 0, 0}, nan, true},
		"+Inf":                      {[]float64{inf, 0, 0}, []float64{1, 0, 0}, nan, true},
		"all -Inf":                  {[]float64{-inf, -inf}, []float64{1, 0}, nan, true},
		"a target of NaN":           {[]float64{0, 0}, []float64{nan, 0}, nan, true},
		"targets of 0":              {[]float64{5, 0}, []float64{0, 0}, 0, false},
	} {
		for _, dt := range []tensor.Dtype{tensor.Float32, tensor.Float64} {
			loss, grad := newBatch(t, dt, 1, c.logits, c.targets).run(t)
			equal := loss == c.loss || near(loss, c.loss, 1e-7*math.Abs(c.loss))
			if !equal && !(math.IsNaN(loss) && math.IsNaN(c.loss)) {
				t.Errorf("%s, %v: loss %v, want %v", name, dt, loss, c.loss)
			}
			for i, x := range grad {
				if math.IsNaN(x) != c.nanGrad {
					t.Errorf("%s, %v: gradient %v of logit %d, want NaN: %v", name, dt, x, i,
						c.nanGrad)
				}
			}
		}
	}
	// Each row is shifted by its own maximum.
	logits, targets := []float64{1, 2, 3, 200, 1, 2}, []float64{0, 0, 1, 1, 0, 0}
	loss, _ := newBatch(t, tensor.Float32, 2, logits, targets).run(t)
	if want := math.Log1p(math.Exp(-1)+math.Exp(-2)) / 2; !near(loss, want, 1e-7) {
		t.Errorf("loss %v of a row with a larger maximum than the first, want %v", loss, want)
	}
}

// TestLispMachine checks that a Lisp machine computes the same loss and gradients as a tape
// machine. Each run needs a new Lisp machine.
func TestLispMachine(t *testing.T) {
	logits, targets := []float64{1, 2, 3, -1, 0, 4}, []float64{0.9, 0.1, 0, 0, 1, 0.5}
	for _, dt := range []tensor.Dtype{tensor.Float32, tensor.Float64} {
		want, wantGrad := newBatch(t, dt, 2, logits, targets).run(t)
		g := gorgonia.NewGraph()
		x := matrix(g, dt, "logits", 2, logits)
		loss, err := nn.SoftmaxCrossEntropy(x, matrix(g, dt, "targets", 2, targets))
		if err != nil {
			t.Fatal(err)
		}
		for run := 1; run <= 2; run++ {
			vm := gorgonia.NewLispMachine(g)
			if err := vm.RunAll(); err != nil {
				t.Fatal(err)
			}
			vm.Close()
			grad, err := x.Grad()
			if err != nil {
				t.Fatal(err)
			}
			if got := optest.Floats(loss.Value())[0]; got != want {
				t.Errorf("%v, run %d: loss %v, want %v", dt, run, got, want)
			}
			for i, got := range optest.Floats(grad) { // gradients add up
				if !near(got, float64(run)*wantGrad[i], 1e-6) {
					t.Errorf("%v, run %d: gradient %v of logit %d, want %v", dt, run, got, i,
						float64(run)*wantGrad[i])
				}
			}
		}
	}
}

// TestTwice checks that two losses of the same node are two nodes, and that their gradients add up.
func TestTwice(t *testing.T) {
	logits, targets := []float64{1, 2, 3}, []float64{1, 0, 0}
	g := gorgonia.NewGraph()
	x := matrix(g, tensor.Float64, "logits", 1, logits)
	y := matrix(g, tensor.Float64, "targets", 1, targets)
	a, b := gorgonia.Must(nn.SoftmaxCrossEntropy(x, y)), gorgonia.Must(nn.SoftmaxCrossEntropy(x, y))
	if a == b || a.Hashcode() == b.Hashcode() {
		t.Error("Gorgonia merged the two losses into one node")
	}
	thrice := gorgonia.Must(gorgonia.Mul(b, gorgonia.NewConstant(3.0)))
	vm := differentiated(t, gorgonia.Must(gorgonia.Add(a, thrice)), x)
	if err := vm.RunAll(); err != nil {
		t.Fatal(err)
	}
	grad, err := x.Grad()
	if err != nil {
		t.Fatal(err)
	}
	_, one := newBatch(t, tensor.Float64, 1, logits, targets).run(t)
	for i, got := range optest.Floats(grad) {
		if !near(got, 4*one[i], 1e-14) {
			t.Errorf("gradient %v, want 4 times %v", got, one[i])
		}
	}
}

// TestMemory checks that neither the loss nor its gradient allocates memory after the first run.
func TestMemory(t *testing.T) {
	b := newBatch(t, tensor.Float64, 2, []float64{1, 2, 3, 4}, []float64{1, 0, 0, 1})
	b.run(t)
	grad, err := b.logits.Grad()
	if err != nil {
		t.Fatal(err)
	}
	x := b.logits.Value()
	in := []gorgonia.Value{x, x, b.loss.Value(), b.loss.Value()}
	for _, n := range b.logits.Graph().AllNodes() {
		op := n.Op()
		if op == nil || !strings.HasPrefix(op.String(), "SoftmaxCrossEntropy") {
			continue
		}
		in := in[:op.Arity()]
		allocs := testing.AllocsPerRun(100, func() { _, err = op.Do(in...) })
		if allocs > 0 || err != nil {
			t.Errorf("%v allocations in %v, error %v, want 0, nil", allocs, op, err)
		}
	}
	b.run(t)
	if again, _ := b.logits.Grad(); again != grad {
		t.Error("the second run allocated another gradient")
	}
}

// TestSoftmaxErrors checks that nodes that do not fit together are an error.
func TestSoftmaxErrors(t *testing.T) {
	g := gorgonia.NewGraph()
	node := func(g *gorgonia.ExprGraph, dt tensor.Dtype, shape ...int) *gorgonia.Node {
		return gorgonia.NewTensor(g, dt, len(shape), gorgonia.WithName(fmt.Sprint(dt, shape)),
			gorgonia.WithShape(shape...))
	}
	x := node(g, tensor.Float64, 2, 3)
	for name, n := range map[string][2]*gorgonia.Node{
		"nil logits":  {nil, x},
		"nil targets": {x, nil},
		"two graphs":  {x, node(gorgonia.NewGraph(), tensor.Float64, 2, 3)},
		"vectors":     {node(g, tensor.Float64, 3), node(g, tensor.Float64, 3)},
		"transposed":  {x, node(g, tensor.Float64, 3, 2)},
		"two dtypes":  {x, node(g, tensor.Float32, 2, 3)},
		"integers":    {node(g, tensor.Int, 2, 3), node(g, tensor.Int, 2, 3)},
	} {
		if _, err := nn.SoftmaxCrossEntropy(n[0], n[1]); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
