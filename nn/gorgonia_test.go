package nn_test

import (
	"math"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
	"github.com/l4-go/l4/internal/op/optest"
)

// The tests of this file and of wrongops_test.go hold docs/gorgonia.md against Gorgonia. One that
// fails says that Gorgonia has mended a fault, and that the advice there can go.

const mended = "Gorgonia has mended this fault; shorten docs/gorgonia.md: "

// leaf is a graph with one matrix.
func leaf(dt tensor.Dtype, rows int, xs ...float64) (*gorgonia.ExprGraph, *gorgonia.Node) {
	g := gorgonia.NewGraph()
	return g, matrix(g, dt, "x", rows, xs)
}

func must(n *gorgonia.Node, err error) *gorgonia.Node { return gorgonia.Must(n, err) }

// evaluate runs a tape machine, and returns the value of a node, copied, as gorgonia.Read does.
func evaluate(t *testing.T, n *gorgonia.Node) []float64 {
	t.Helper()
	var v gorgonia.Value
	gorgonia.Read(n, &v)
	vm := gorgonia.NewTapeMachine(n.Graph())
	defer vm.Close()
	if err := vm.RunAll(); err != nil {
		t.Fatal(err)
	}
	return append([]float64(nil), optest.Floats(v)...)
}

func TestSoftMaxTakesTheFirstRowsMaximum(t *testing.T) {
	for name, f := range map[string]func(*gorgonia.Node) *gorgonia.Node{
		"SoftMax":    func(x *gorgonia.Node) *gorgonia.Node { return must(gorgonia.SoftMax(x)) },
		"LogSoftMax": func(x *gorgonia.Node) *gorgonia.Node { return must(gorgonia.LogSoftMax(x)) },
	} {
		_, x := leaf(tensor.Float32, 2, 1, 2, 3, 200, 1, 2)
		y := evaluate(t, f(x))
		if sum := y[3] + y[4] + y[5]; !math.IsNaN(sum) && !math.IsInf(sum, 0) {
			t.Errorf("%s%s is finite: %v", mended, name, y)
		}
	}
}

func TestSoftMaxAndLogSoftMaxMerge(t *testing.T) {
	_, x := leaf(tensor.Float64, 1, 1, 2, 3)
	if a, b := must(gorgonia.SoftMax(x)), must(gorgonia.LogSoftMax(x)); a != b {
		t.Error(mended + "SoftMax and LogSoftMax of one node are two nodes")
	}
}

// TestLispMachineTwice: the second run of one machine has the loss of the first weights.
func TestLispMachineTwice(t *testing.T) {
	g, x := leaf(tensor.Float64, 1, 1, 2)
	loss := must(gorgonia.Sum(must(gorgonia.Square(x))))
	vm := gorgonia.NewLispMachine(g)
	defer vm.Close()
	for _, want := range []float64{5, 5} { // the second should be 20
		if err := vm.RunAll(); err != nil {
			t.Fatal(err)
		}
		if got := optest.Floats(loss.Value())[0]; got != want {
			t.Errorf("%sthe loss is %v", mended, got)
		}
		copy(optest.Floats(x.Value()), []float64{2, 4})
		vm.Reset()
	}
}

// TestSolverOptionsOfGorgonia: they do nothing to a solver of l4.
func TestSolverOptionsOfGorgonia(t *testing.T) {
	var rates []float64
	for _, options := range [][]gorgonia.SolverOpt{nil, {gorgonia.WithLearnRate(100),
		gorgonia.WithBatchSize(64), gorgonia.WithClip(1e-3), gorgonia.WithL2Reg(3)}} {
		g, x := leaf(tensor.Float64, 1, 1, 2)
		loss := must(gorgonia.Sum(must(gorgonia.Square(x))))
		if _, err := gorgonia.Grad(loss, x); err != nil {
			t.Fatal(err)
		}
		vm := gorgonia.NewTapeMachine(g, gorgonia.BindDualValues(x))
		if err := vm.RunAll(); err != nil {
			t.Fatal(err)
		}
		solver := l4.NewL4Adam(loss)
		for _, option := range options {
			option(solver)
		}
		if err := solver.Step(gorgonia.NodesToValueGrads(gorgonia.Nodes{x})); err != nil {
			t.Fatal(err)
		}
		rates = append(rates, solver.Last().LearnRate)
		vm.Close()
	}
	if rates[0] != rates[1] {
		t.Errorf("learning rates %v and, with options of Gorgonia, %v", rates[0], rates[1])
	}
}

// TestReshapeSharesMemory: a sum behind a Reshape writes to the memory of the leaf.
func TestReshapeSharesMemory(t *testing.T) {
	_, x := leaf(tensor.Float64, 2, 1, 2, 3, 4)
	flat := must(gorgonia.Reshape(x, tensor.Shape{4}))
	evaluate(t, must(gorgonia.Add(flat, gorgonia.NewConstant(2.0))))
	if got := optest.Floats(x.Value())[0]; got != 3 {
		t.Errorf("%sx is %v after Add(Reshape(x), 2)", mended, got)
	}
}

// TestReset: without it a machine that has run does nothing.
func TestReset(t *testing.T) {
	g, x := leaf(tensor.Float64, 1, 1, 2)
	loss := must(gorgonia.Sum(must(gorgonia.Square(x))))
	if _, err := gorgonia.Grad(loss, x); err != nil {
		t.Fatal(err)
	}
	vm := gorgonia.NewTapeMachine(g, gorgonia.BindDualValues(x))
	defer vm.Close()
	run := func(wantLoss, wantGrad float64) {
		t.Helper()
		if err := vm.RunAll(); err != nil {
			t.Fatal(err)
		}
		grad, _ := x.Grad()
		l, d := optest.Floats(loss.Value())[0], optest.Floats(grad)[0]
		if l != wantLoss || d != wantGrad {
			t.Errorf("%sloss %v, gradient %v, want %v, %v", mended, l, d, wantLoss, wantGrad)
		}
	}
	run(5, 2)
	copy(optest.Floats(x.Value()), []float64{2, 4})
	run(5, 2) // stale
	vm.Reset()
	run(20, 6) // the new gradient, 4, is added to the old one
}

func TestSecondGradIsTheFirst(t *testing.T) {
	_, x := leaf(tensor.Float64, 1, 1, 2, 3)
	loss := must(gorgonia.Sum(must(gorgonia.Square(x))))
	first, err := gorgonia.Grad(loss, x)
	if err != nil {
		t.Fatal(err)
	}
	second, err := gorgonia.Grad(must(gorgonia.Mul(loss, gorgonia.NewConstant(3.0))), x)
	if err != nil {
		t.Fatal(err)
	}
	if first[0] != second[0] {
		t.Error(mended + "a second Grad has gradients of its own")
	}
}

func TestEqualInputsMerge(t *testing.T) {
	g := gorgonia.NewGraph()
	vector := func() *gorgonia.Node {
		return gorgonia.NewVector(g, tensor.Float64, gorgonia.WithShape(3))
	}
	if first, second := vector(), vector(); first != second {
		t.Error(mended + "two inputs of equal shape and no name are two nodes")
	}
}

// TestWrongOps holds values that should be others. TestWrongGradients does for gradients.
func TestWrongOps(t *testing.T) {
	images := func(shape ...int) *gorgonia.Node {
		v := tensor.New(tensor.WithShape(shape...),
			tensor.WithBacking(tensor.Range(tensor.Float64, 0, tensor.Shape(shape).TotalSize())))
		return gorgonia.NodeFromAny(gorgonia.NewGraph(), v, gorgonia.WithName("x"))
	}
	sum := func(axes ...int) []float64 {
		return evaluate(t, must(gorgonia.Sum(images(2, 3, 4, 5), axes...)))
	}
	for name, c := range map[string]struct {
		values    []float64
		at        int
		is, right float64
	}{
		"the sum of 4 axes over {2}":    {sum(2), 5, 70, 110},
		"the sum of 4 axes over {2, 3}": {sum(2, 3), 1, 390, 590},
	} {
		if got := c.values[c.at]; !near(got, c.is, 1e-9) {
			t.Errorf("%s%s is %v at %d, where %v is right", mended, name, got, c.at, c.right)
		}
	}
}

// TestGorgoniasSolvers takes two steps on Σw² from 1, at the rate 0.1.
func TestGorgoniasSolvers(t *testing.T) {
	for name, c := range map[string]struct {
		solver gorgonia.Solver
		want   float64
	}{
		"AdamW leaves tensors as they are": {gorgonia.NewAdamW(gorgonia.WithLearnRate(0.1)), 1},
		"Momentum moves less with a penalty on weights above 0": {gorgonia.NewMomentum(
			gorgonia.WithLearnRate(0.1), gorgonia.WithL2Reg(1)), 0.48}, // 0.46 without
		"AdaGrad keeps its rate of 0.001": {gorgonia.NewAdaGradSolver(gorgonia.WithLearnRate(0.1)),
			0.9982932470391934},
	} {
		g, w := leaf(tensor.Float64, 1, 1)
		if _, err := gorgonia.Grad(must(gorgonia.Sum(must(gorgonia.Square(w)))), w); err != nil {
			t.Fatal(err)
		}
		vm := gorgonia.NewTapeMachine(g, gorgonia.BindDualValues(w))
		for range 2 {
			if err := vm.RunAll(); err != nil {
				t.Fatal(err)
			}
			if err := c.solver.Step(gorgonia.NodesToValueGrads(gorgonia.Nodes{w})); err != nil {
				t.Fatal(err)
			}
			vm.Reset()
		}
		vm.Close()
		if got := optest.Floats(w.Value())[0]; !near(got, c.want, 1e-6) {
			t.Errorf("%s%s: weight %v", mended, name, got)
		}
	}
}
