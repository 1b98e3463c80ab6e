package nn_test

import (
	"math"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
	"github.com/l4-go/l4/internal/op/optest"
)

// The tests in this file and in wrongops_test.go check that the faults listed in docs/gorgonia.md
// still exist in Gorgonia. If Gorgonia fixes a fault, its test fails, and the advice can be
// removed.

const fixed = "Gorgonia has fixed this fault: remove it from docs/gorgonia.md: "

// valued returns a node with a value.
func valued(g *gorgonia.ExprGraph, name string, backing any, shape ...int) *gorgonia.Node {
	v := tensor.New(tensor.WithShape(shape...), tensor.WithBacking(backing))
	return gorgonia.NodeFromAny(g, v, gorgonia.WithName(name))
}

// leaf returns the matrix x in a new graph.
func leaf(dt tensor.Dtype, rows int, xs ...float64) *gorgonia.Node {
	return matrix(gorgonia.NewGraph(), dt, "x", rows, xs)
}

func must(n *gorgonia.Node, err error) *gorgonia.Node { return gorgonia.Must(n, err) }

// differentiated returns a tape machine for a loss and its gradients with respect to xs.
func differentiated(t *testing.T, loss *gorgonia.Node, xs ...*gorgonia.Node) gorgonia.VM {
	t.Helper()
	if _, err := gorgonia.Grad(loss, xs...); err != nil {
		t.Fatal(err)
	}
	vm := gorgonia.NewTapeMachine(loss.Graph(), gorgonia.BindDualValues(xs...))
	t.Cleanup(func() { vm.Close() })
	return vm
}

// evaluate runs a tape machine and returns a copy of the value of n, made by gorgonia.Read.
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

func TestSoftMaxUsesMaximumOfFirstRow(t *testing.T) {
	for name, f := range map[string]func(*gorgonia.Node) *gorgonia.Node{
		"SoftMax":    func(x *gorgonia.Node) *gorgonia.Node { return must(gorgonia.SoftMax(x)) },
		"LogSoftMax": func(x *gorgonia.Node) *gorgonia.Node { return must(gorgonia.LogSoftMax(x)) },
	} {
		x := leaf(tensor.Float32, 2, 1, 2, 3, 200, 1, 2)
		y := evaluate(t, f(x))
		if sum := y[3] + y[4] + y[5]; !math.IsNaN(sum) && !math.IsInf(sum, 0) {
			t.Errorf("%sthe second row of %s is finite: %v", fixed, name, y)
		}
	}
}

func TestSoftMaxAndLogSoftMaxMerge(t *testing.T) {
	x := leaf(tensor.Float64, 1, 1, 2, 3)
	if a, b := must(gorgonia.SoftMax(x)), must(gorgonia.LogSoftMax(x)); a != b {
		t.Error(fixed + "SoftMax and LogSoftMax of the same node are two nodes")
	}
}

// TestPowOfSoftMax: gorgonia.Grad changes the value of a power of SoftMax, but not of Exp of
// LogSoftMax.
func TestPowOfSoftMax(t *testing.T) {
	cube := func(y *gorgonia.Node) *gorgonia.Node {
		return must(gorgonia.Sum(must(gorgonia.Pow(y, gorgonia.NewConstant(3.0)))))
	}
	value := func(loss, x *gorgonia.Node) float64 {
		if err := differentiated(t, loss, x).RunAll(); err != nil {
			t.Fatal(err)
		}
		return optest.Floats(loss.Value())[0]
	}
	x := leaf(tensor.Float64, 1, 0.1, 0.5)
	want := evaluate(t, cube(must(gorgonia.SoftMax(x))))[0]
	x = leaf(tensor.Float64, 1, 0.1, 0.5)
	if near(value(cube(must(gorgonia.SoftMax(x))), x), want, 1e-9) {
		t.Error(fixed + "Grad does not change the power of a SoftMax")
	}
	x = leaf(tensor.Float64, 1, 0.1, 0.5)
	exp := must(gorgonia.Exp(must(gorgonia.LogSoftMax(x))))
	if got := value(cube(exp), x); !near(got, want, 1e-9) {
		t.Errorf("with Exp of LogSoftMax: %v, want %v", got, want)
	}
}

// TestLispMachineTwice checks that a second run of the same Lisp machine returns the loss of the
// first weights.
func TestLispMachineTwice(t *testing.T) {
	x := leaf(tensor.Float64, 1, 1, 2)
	loss := must(gorgonia.Sum(must(gorgonia.Square(x))))
	vm := gorgonia.NewLispMachine(x.Graph())
	defer vm.Close()
	for _, want := range []float64{5, 5} { // the second should be 20
		if err := vm.RunAll(); err != nil {
			t.Fatal(err)
		}
		if got := optest.Floats(loss.Value())[0]; got != want {
			t.Errorf("%sthe loss is %v, and was %v", fixed, got, want)
		}
		copy(optest.Floats(x.Value()), []float64{2, 4})
		vm.Reset()
	}
}

// TestGorgoniaOptionsHaveNoEffect checks that options of Gorgonia's solvers do not change a solver
// of package l4.
func TestGorgoniaOptionsHaveNoEffect(t *testing.T) {
	var rates []float64
	for _, options := range [][]gorgonia.SolverOpt{nil, {gorgonia.WithLearnRate(100),
		gorgonia.WithBatchSize(64), gorgonia.WithClip(1e-3), gorgonia.WithL2Reg(3)}} {
		x := leaf(tensor.Float64, 1, 1, 2)
		loss := must(gorgonia.Sum(must(gorgonia.Square(x))))
		if err := differentiated(t, loss, x).RunAll(); err != nil {
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
	}
	if rates[0] != rates[1] {
		t.Errorf("the learning rate is %v with options of Gorgonia, want %v as without", rates[1],
			rates[0])
	}
}

// TestReshapeSharesMemory checks that a sum after a Reshape overwrites the input of the Reshape.
func TestReshapeSharesMemory(t *testing.T) {
	x := leaf(tensor.Float64, 2, 1, 2, 3, 4)
	flat := must(gorgonia.Reshape(x, tensor.Shape{4}))
	evaluate(t, must(gorgonia.Add(flat, gorgonia.NewConstant(2.0))))
	if got := optest.Floats(x.Value())[0]; got != 3 {
		t.Errorf("%sx is %v after Add(Reshape(x), 2)", fixed, got)
	}
}

// TestRunAllWithoutReset checks that a second RunAll without Reset does nothing, and that gradients
// of runs add up.
func TestRunAllWithoutReset(t *testing.T) {
	x := leaf(tensor.Float64, 1, 1, 2)
	loss := must(gorgonia.Sum(must(gorgonia.Square(x))))
	vm := differentiated(t, loss, x)
	run := func(wantLoss, wantGrad float64) {
		t.Helper()
		if err := vm.RunAll(); err != nil {
			t.Fatal(err)
		}
		grad, _ := x.Grad()
		l, d := optest.Floats(loss.Value())[0], optest.Floats(grad)[0]
		if l != wantLoss || d != wantGrad {
			t.Errorf("%sloss %v, gradient %v, want %v, %v", fixed, l, d, wantLoss, wantGrad)
		}
	}
	run(5, 2)
	copy(optest.Floats(x.Value()), []float64{2, 4})
	run(5, 2) // stale
	vm.Reset()
	run(20, 6) // the new gradient, 4, is added to the old one
}

func TestSecondGradReturnsFirst(t *testing.T) {
	x := leaf(tensor.Float64, 1, 1, 2, 3)
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
		t.Error(fixed + "a second Grad returns other gradients than the first")
	}
}

func TestEqualInputsMerge(t *testing.T) {
	g := gorgonia.NewGraph()
	vector := func() *gorgonia.Node {
		return gorgonia.NewVector(g, tensor.Float64, gorgonia.WithShape(3))
	}
	if first, second := vector(), vector(); first != second {
		t.Error(fixed + "two inputs of the same shape and without a name are two nodes")
	}
}

// TestWrongValues checks that some operations compute wrong values. TestWrongGradients checks
// gradients.
func TestWrongValues(t *testing.T) {
	images := func(shape ...int) *gorgonia.Node {
		return valued(gorgonia.NewGraph(), "x",
			tensor.Range(tensor.Float64, 0, tensor.Shape(shape).TotalSize()), shape...)
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
			t.Errorf("%s%s is %v at %d, want %v", fixed, name, got, c.at, c.right)
		}
	}
}

// TestGorgoniaSolvers checks faults of Gorgonia's solvers. Each solver makes two steps on Σw² with
// the learning rate 0.1, starting at 1.
func TestGorgoniaSolvers(t *testing.T) {
	for name, c := range map[string]struct {
		solver gorgonia.Solver
		want   float64
	}{
		"AdamW does not update tensors": {gorgonia.NewAdamW(gorgonia.WithLearnRate(0.1)), 1},
		"Momentum with L2 moves weights above 0 less than without": {gorgonia.NewMomentum(
			gorgonia.WithLearnRate(0.1), gorgonia.WithL2Reg(1)), 0.48}, // 0.46 without
		"AdaGrad ignores its learning rate and uses 0.001": {gorgonia.NewAdaGradSolver(
			gorgonia.WithLearnRate(0.1)), 0.9982932470391934},
	} {
		w := leaf(tensor.Float64, 1, 1)
		vm := differentiated(t, must(gorgonia.Sum(must(gorgonia.Square(w)))), w)
		for range 2 {
			if err := vm.RunAll(); err != nil {
				t.Fatal(err)
			}
			if err := c.solver.Step(gorgonia.NodesToValueGrads(gorgonia.Nodes{w})); err != nil {
				t.Fatal(err)
			}
			vm.Reset()
		}
		if got := optest.Floats(w.Value())[0]; !near(got, c.want, 1e-6) {
			t.Errorf("%s%s: weight %v", fixed, name, got)
		}
	}
}
