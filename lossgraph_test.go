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

// scene is a graph over two vectors, and what is made of it.
type scene struct {
	g    *gorgonia.ExprGraph
	w, v *gorgonia.Node
	loss *gorgonia.Node // that is right, if there is one
}

func newScene() *scene {
	s := &scene{g: gorgonia.NewGraph()}
	node := func(name string, seed uint64) *gorgonia.Node {
		return gorgonia.NewVector(s.g, tensor.Float64, gorgonia.WithName(name),
			gorgonia.WithShape(3),
			gorgonia.WithValue(tensor.New(tensor.WithBacking(ramp(3, seed)))))
	}
	s.w, s.v = node("w", 1), node("v", 2)
	return s
}

// squares is the sum of squares of a node times a factor.
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

// TestWhichLoss: of all nodes of a graph, the loss is the one that gorgonia.Grad started from.
// Where there are several, or none, the error says why. It is the same for a loss that is given,
// where that shows.
func TestWhichLoss(t *testing.T) {
	both := func(s *scene) gorgonia.Nodes { return gorgonia.Nodes{s.w, s.v} }
	for name, c := range map[string]struct {
		build   func(s *scene)
		weights func(s *scene) gorgonia.Nodes // those of the step
		want    string                        // of the error of a nil loss
		given   string                        // of the error of the loss of the scene
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
			// The gradients of all terms are the constant 1, as that of the loss is.
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
		}, want: "another loss before", given: "another loss before"},
		"Grad for a term first, with the same weight in the others": {build: func(s *scene) {
			part := grad(t, squares(s.w, 1), s.w)
			s.loss = grad(t, plus(plus(part, squares(s.v, 2)), gorgonia.Must(gorgonia.Sum(s.w))),
				s.w, s.v)
		}, want: "another loss before", given: "another loss before"},
		"Grad for a node used twice": {build: func(s *scene) {
			part := grad(t, squares(s.w, 1), s.w)
			s.loss = grad(t, plus(gorgonia.Must(gorgonia.Square(part)),
				plus(part, squares(s.v, 2))), s.w, s.v)
		}, want: "another loss before", given: "another loss before"},
		"gradients of twice the loss": {build: func(s *scene) {
			s.loss = plus(squares(s.w, 1), squares(s.v, 2))
			two := gorgonia.NewScalar(s.g, tensor.Float64, gorgonia.WithName("two"),
				gorgonia.WithValue(2.0))
			if _, err := gorgonia.Backpropagate(gorgonia.Nodes{s.loss}, gorgonia.Nodes{two},
				both(s)); err != nil {
				t.Fatal(err)
			}
		}, want: "the gradients are 2 of this loss's", given: "the gradients are 2 of this loss's"},
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
			step := func(loss gorgonia.Valuer, want string) {
				t.Helper()
				vm.Reset()
				if err := vm.RunAll(); err != nil {
					t.Fatal(err)
				}
				for what, read := range map[string]func() (float64, error){
					"Batches": func() (float64, error) {
						b := new(l4.Batches)
						if err := b.Add(loss, gorgonia.NodesToValueGrads(weights)); err != nil {
							return 0, err
						}
						return numbers(b.Value())[0], nil
					},
					"Step": func() (float64, error) {
						s := l4.NewL4Adam(loss)
						return s.Last().Loss, s.Step(gorgonia.NodesToValueGrads(weights))
					},
				} {
					_, err := read()
					if want == "" && err != nil ||
						want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
						t.Errorf("%s, loss %v: error %v, want %q", what, loss, err, want)
					}
				}
			}
			step(nil, c.want)
			if s.loss == nil {
				return
			}
			step(s.loss, c.given)
			if c.want != "" {
				return
			}
			vm.Reset()
			if err := vm.RunAll(); err != nil {
				t.Fatal(err)
			}
			solver := l4.NewL4Adam(nil)
			want := numbers(s.loss.Value())[0]
			if err := solver.Step(gorgonia.NodesToValueGrads(weights)); err != nil ||
				solver.Last().Loss != want {
				t.Errorf("loss %v, want %v, error %v", solver.Last().Loss, want, err)
			}
		})
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

// TestNoHiddenLoss: there is nothing to find a loss by.
func TestNoHiddenLoss(t *testing.T) {
	s := newScene()
	grad(t, squares(s.w, 1), s.w)
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
	} {
		err := l4.NewL4Adam(nil).Step(c.model)
		if err == nil || !strings.HasPrefix(err.Error(), "l4: the loss ") ||
			!strings.Contains(err.Error(), c.want) {
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
