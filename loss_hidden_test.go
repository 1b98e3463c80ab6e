package l4_test

import (
	"runtime"
	"strings"
	"testing"
	"weak"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
)

// framework hides the loss as goro does: the solver is made before the graphs, there is one graph
// for a sample and one for a batch, and nobody looks at Step's error.
type framework struct {
	solver gorgonia.Solver
	graphs map[int]*fit // by number of rows
}

func newFramework(t *testing.T, dt tensor.Dtype, solver gorgonia.Solver, dual bool) *framework {
	weights := fitWeights(dt)
	f := &framework{solver, map[int]*fit{}}
	for _, rows := range []int{1, 2, 8} {
		f.graphs[rows] = newFit(t, dt, weights, rows, dual)
	}
	return f
}

// fitRows trains on some rows. It returns the weights.
func (f *framework) fitRows(t *testing.T, dt tensor.Dtype, step, rows int) []float64 {
	t.Helper()
	g := f.graphs[rows]
	if err := g.eval(dt, step, 0); err != nil {
		t.Fatal(err)
	}
	f.solver.Step(g.model)
	return append(numbers(g.weights[0].Value()), numbers(g.weights[1].Value())...)
}

// TestHiddenLoss: a solver without a loss makes the steps of one that is told the loss of each
// graph, to the bit, also from a saved state on.
func TestHiddenLoss(t *testing.T) {
	everySolver(t, func(t *testing.T, newSolver newSolver, dt tensor.Dtype) {
		for _, dual := range []bool{true, false} {
			told, hidden := newSolver(nil), newSolver((*gorgonia.Node)(nil))
			a, b := newFramework(t, dt, told, dual), newFramework(t, dt, hidden, dual)
			for step, rows := range []int{2, 8, 8, 1, 2, 2, 8, 1, 1, 2} {
				told.SetLoss(a.graphs[rows].loss)
				wantEqual(t, b.fitRows(t, dt, step, rows), a.fitRows(t, dt, step, rows))
				if told.Last() != hidden.Last() || told.Last().Step != step+1 {
					t.Fatalf("step %d: %+v, want %+v", step, hidden.Last(), told.Last())
				}
				if step == 4 {
					if data, err := hidden.MarshalBinary(); err == nil { // not of Gorgonia's
						hidden = newSolver(nil)
						if err := hidden.UnmarshalBinary(data); err != nil {
							t.Fatal(err)
						}
						b.solver = hidden
					}
				}
			}
		}
	})
}

// TestHiddenLossDoesNotAllocate: after the first step in each graph, so that no graph is searched
// again.
func TestHiddenLossDoesNotAllocate(t *testing.T) {
	dt := tensor.Float64
	solver := l4.NewL4Adam(nil)
	f := newFramework(t, dt, solver, true)
	for _, rows := range []int{1, 2, 8} {
		f.fitRows(t, dt, 0, rows)
	}
	if n := testing.AllocsPerRun(50, func() {
		for _, g := range f.graphs {
			if err := solver.Step(g.model); err != nil {
				t.Fatal(err)
			}
		}
	}); n > 0 {
		t.Errorf("%v allocations a step", n)
	}
}

// TestMachinesWithHiddenLoss: a graph of all kinds of parameters. A Lisp machine differentiates
// without gorgonia.Grad, and so without a trace of the loss.
func TestMachinesWithHiddenLoss(t *testing.T) {
	for name, machine := range machines {
		g, loss, weights := mixedGraph(tensor.Float64)
		run := machine(t, g, loss, weights)
		s := l4.NewL4Adam(nil)
		for range 3 {
			if err := run(); err != nil {
				t.Fatal(err)
			}
			err := s.Step(gorgonia.NodesToValueGrads(weights))
			if name == "lisp" {
				if err == nil || !strings.Contains(err.Error(), "Lisp machine") {
					t.Errorf("%s: error %v", name, err)
				}
			} else if err != nil || s.Last().Loss != numbers(loss.Value())[0] {
				t.Errorf("%s: loss %v, want %v, error %v", name, s.Last().Loss, loss.Value(), err)
			}
		}
	}
}

// TestHiddenLossOfGrowingGraph: a graph that has got a second loss since the last step is looked at
// again.
func TestHiddenLossOfGrowingGraph(t *testing.T) {
	s := newScene()
	grad(t, squares(s.w, 1), s.w)
	solver, model := l4.NewL4Adam(nil), []gorgonia.ValueGrad{s.w}
	step := func() error {
		vm := gorgonia.NewTapeMachine(s.g, gorgonia.BindDualValues(s.w))
		defer vm.Close()
		if err := vm.RunAll(); err != nil {
			t.Fatal(err)
		}
		return solver.Step(model)
	}
	for range 2 {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	grad(t, squares(s.w, 5), s.w)
	if err := step(); err == nil || !strings.Contains(err.Error(), "was called for several") {
		t.Errorf("with a second loss: error %v", err)
	}
}

// TestHiddenLossAfterAnother: a solver may change from a loss without a node to the one that the
// gradients are of, and back.
func TestHiddenLossAfterAnother(t *testing.T) {
	s := newScene()
	s.loss = squares(s.w, 1)
	run := tape(t, s.g, s.loss, gorgonia.Nodes{s.w}, gorgonia.BindDualValues(s.w))
	solver := l4.NewL4Adam(nil)
	for _, loss := range []gorgonia.Valuer{l4.LossFunc(s.loss.Value), nil, s.loss,
		l4.LossFunc(s.loss.Value)} {
		solver.SetLoss(loss)
		if err := run(); err != nil {
			t.Fatal(err)
		}
		want := numbers(s.loss.Value())[0]
		if err := solver.Step([]gorgonia.ValueGrad{s.w}); err != nil || solver.Last().Loss != want {
			t.Errorf("loss %v, want %v, error %v", solver.Last().Loss, want, err)
		}
	}
}

// TestHiddenLossBeforeTheRun: a step before the first run does not keep the next from seeing that
// the value of another node overwrites the loss, a tensor.
func TestHiddenLossBeforeTheRun(t *testing.T) {
	g := gorgonia.NewGraph()
	node := func(name string, rows, cols int, xs ...float64) *gorgonia.Node {
		return gorgonia.NewMatrix(g, tensor.Float64, gorgonia.WithName(name),
			gorgonia.WithShape(rows, cols), gorgonia.WithValue(tensor.New(
				tensor.WithShape(rows, cols), tensor.WithBacking(xs))))
	}
	x, w := node("x", 1, 3, 1, 2, 3), node("w", 3, 1, .1, .2, .3)
	loss := gorgonia.Must(gorgonia.Square(gorgonia.Must(gorgonia.Mul(x, w))))
	times(loss, 3)
	if _, err := gorgonia.Backpropagate(gorgonia.Nodes{loss}, gorgonia.Nodes{node("one", 1, 1, 1)},
		gorgonia.Nodes{w}); err != nil {
		t.Fatal(err)
	}
	vm := gorgonia.NewTapeMachine(g, gorgonia.BindDualValues(w))
	defer vm.Close()
	solver := l4.NewL4Adam(nil)
	for _, want := range []string{"run the virtual machine", "overwrites the loss"} {
		err := solver.Step([]gorgonia.ValueGrad{w})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
		if err := vm.RunAll(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestNoHiddenLoss: there is nothing to find a loss by.
func TestNoHiddenLoss(t *testing.T) {
	s, other := newScene(), newScene()
	grad(t, squares(s.w, 1), s.w)
	run := tape(t, other.g, squares(other.w, 1), gorgonia.Nodes{other.w},
		gorgonia.BindDualValues(other.w))
	if err := run(); err != nil {
		t.Fatal(err)
	}
	type embedded struct{ *gorgonia.Node }
	for name, c := range map[string]struct {
		model []gorgonia.ValueGrad
		want  string
	}{
		"hidden nodes": {[]gorgonia.ValueGrad{embedded{s.w}}, "not nodes of a graph"},
		"weights without a graph": {valueGrads([]*param{newParam("w", tensor.Float64, []int{1},
			[]float64{1})}), "not nodes of a graph"},
		"no weights":     {nil, "not nodes of a graph"},
		"a nil weight":   {[]gorgonia.ValueGrad{nil}, "not nodes of a graph"},
		"a nil node":     {[]gorgonia.ValueGrad{(*gorgonia.Node)(nil)}, "not nodes of a graph"},
		"without Grad":   {[]gorgonia.ValueGrad{s.v}, "no weight has a gradient by gorgonia.Grad"},
		"before the run": {[]gorgonia.ValueGrad{s.w}, "run the virtual machine before Step"},
		"two graphs":     {[]gorgonia.ValueGrad{other.w, s.w}, "another graph than w"},
		"a weight that Grad was not called for": {[]gorgonia.ValueGrad{other.w, other.v},
			"v: gradient"},
	} {
		err := l4.NewL4Adam(nil).Step(c.model)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
}

// TestHiddenGraphsAreLetGo: a solver that finds the losses of many graphs does not keep them all.
func TestHiddenGraphsAreLetGo(t *testing.T) {
	solver := l4.NewL4Adam(nil)
	const graphs = 200
	var refs []weak.Pointer[gorgonia.ExprGraph]
	for range graphs {
		func() {
			s := newScene()
			grad(t, squares(s.w, 1), s.w)
			vm := gorgonia.NewTapeMachine(s.g, gorgonia.BindDualValues(s.w))
			defer vm.Close()
			if err := vm.RunAll(); err != nil {
				t.Fatal(err)
			}
			if err := solver.Step([]gorgonia.ValueGrad{s.w}); err != nil {
				t.Fatal(err)
			}
			refs = append(refs, weak.Make(s.g))
		}()
	}
	for range 3 { // machines have finalizers
		runtime.GC()
	}
	alive := 0
	for _, r := range refs {
		if r.Value() != nil {
			alive++
		}
	}
	if alive > graphs/2 {
		t.Errorf("%d of %d graphs are still in memory", alive, graphs)
	}
	runtime.KeepAlive(solver)
}
