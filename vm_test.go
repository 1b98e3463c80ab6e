package l4_test

import (
	"math"
	"strings"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
)

// machines are the virtual machines of Gorgonia, and ways to set them up, that a solver must work
// with. The function they return evaluates loss and gradients.
var machines = map[string]func(t *testing.T, g *gorgonia.ExprGraph, loss *gorgonia.Node,
	weights gorgonia.Nodes) func() error{
	"tape": func(t *testing.T, g *gorgonia.ExprGraph, loss *gorgonia.Node,
		weights gorgonia.Nodes) func() error {
		return tape(t, g, loss, weights, gorgonia.BindDualValues(weights...))
	},
	"tape without dual values": func(t *testing.T, g *gorgonia.ExprGraph, loss *gorgonia.Node,
		weights gorgonia.Nodes) func() error {
		return tape(t, g, loss, weights)
	},
	"lisp": func(t *testing.T, g *gorgonia.ExprGraph, loss *gorgonia.Node,
		weights gorgonia.Nodes) func() error {
		return func() error { // a Lisp machine runs once
			vm := gorgonia.NewLispMachine(g)
			defer vm.Close()
			return vm.RunAll()
		}
	},
}

func tape(
	t *testing.T,
	g *gorgonia.ExprGraph,
	loss *gorgonia.Node,
	weights gorgonia.Nodes,
	opts ...gorgonia.VMOpt,
) func() error {
	t.Helper()
	if _, err := gorgonia.Grad(loss, weights...); err != nil {
		t.Fatal(err)
	}
	vm := gorgonia.NewTapeMachine(g, opts...)
	t.Cleanup(func() { vm.Close() })
	return func() error {
		vm.Reset()
		return vm.RunAll()
	}
}

// mixedGraph is a loss over parameters of every kind: a matrix, a vector, a scalar, and tensors of
// shape (1) and (1,1). Two of them have one gradient node in common, and one has a constant for its
// gradient.
func mixedGraph(dt tensor.Dtype) (*gorgonia.ExprGraph, *gorgonia.Node, gorgonia.Nodes) {
	must := gorgonia.Must
	g := gorgonia.NewGraph()
	value := func(shape tensor.Shape, seed uint64) gorgonia.NodeConsOpt {
		return gorgonia.WithValue(
			tensor.New(
				tensor.WithShape(shape...),
				tensor.WithBacking(backing(dt, ramp(shape.TotalSize(), seed))),
			),
		)
	}
	node := func(name string, seed uint64, shape ...int) *gorgonia.Node {
		return gorgonia.NewTensor(
			g,
			dt,
			len(shape),
			gorgonia.WithName(name),
			gorgonia.WithShape(shape...),
			value(shape, seed),
		)
	}
	scalar := func(name string, x float64) *gorgonia.Node {
		v := newScalar(dt)
		setNumbers(v, []float64{x})
		return gorgonia.NewScalar(g, dt, gorgonia.WithName(name), gorgonia.WithValue(v))
	}
	x := node("x", 1, 6, 4)
	w, b, one, oneone := node(
		"w",
		2,
		4,
		3,
	), node(
		"b",
		3,
		3,
	), node(
		"one",
		4,
		1,
	), node(
		"oneone",
		5,
		1,
		1,
	)
	s, p, q := scalar("s", 0.5), scalar("p", 3), scalar("q", 4)
	// Sums, products and squares: the Lisp machine has the gradient of tanh wrong.
	h := must(gorgonia.BroadcastAdd(must(gorgonia.Mul(x, w)), b, nil, []byte{0}))
	loss := must(gorgonia.Mean(must(gorgonia.Square(h))))
	loss = must(gorgonia.Add(loss, must(gorgonia.Square(s))))
	loss = must(gorgonia.Add(loss, must(gorgonia.Sum(must(gorgonia.Square(one))))))
	loss = must(gorgonia.Add(loss, must(gorgonia.Sum(must(gorgonia.Square(oneone))))))
	// p and q fall straight down: both gradients are the constant 1.
	loss = must(gorgonia.Add(loss, must(gorgonia.Add(p, q))))
	return g, loss, gorgonia.Nodes{w, b, one, oneone, s, p, q}
}

// trainGraph runs a virtual machine and a solver in turn. The solver is made before the machine or
// after it.
func trainGraph(
	t *testing.T,
	machine string,
	newSolver newSolver,
	dt tensor.Dtype,
	steps int,
	solverFirst bool,
) []float64 {
	t.Helper()
	g, loss, weights := mixedGraph(dt)
	var solver stepper
	if solverFirst {
		solver = newSolver(loss)
	}
	run := machines[machine](t, g, loss, weights)
	if !solverFirst {
		solver = newSolver(loss)
	}
	var trajectory []float64
	model := gorgonia.NodesToValueGrads(weights)
	for range steps {
		if err := run(); err != nil {
			t.Fatal(err)
		}
		if err := solver.Step(model); err != nil {
			t.Fatal(err)
		}
		trajectory = append(trajectory, solver.Last().Loss)
	}
	for _, w := range weights {
		trajectory = append(trajectory, numbers(w.Value())...)
	}
	return trajectory
}

func TestVirtualMachines(t *testing.T) {
	everySolver(t, func(t *testing.T, newSolver newSolver, dt tensor.Dtype) {
		const steps = 40
		want := trainGraph(t, "tape", newSolver, dt, steps, false)
		if want[steps-1] >= want[0] {
			t.Errorf("loss %v after %v", want[steps-1], want[0])
		}
		tolerance := 1e-12
		if dt == tensor.Float32 {
			tolerance = 1e-4
		}
		for machine := range machines {
			wantClose(t, trainGraph(t, machine, newSolver, dt, steps, true), want, tolerance)
			wantClose(t, trainGraph(t, machine, newSolver, dt, steps, false), want, tolerance)
		}
	})
}

// TestOverwrittenLoss: the memory of a loss that is a tensor may come to hold something else. The
// solver then says what to do, and doing it gives the right number.
func TestOverwrittenLoss(t *testing.T) {
	const lossValue = 1.96
	uses := map[string]func(loss *gorgonia.Node){
		"none": func(*gorgonia.Node) {},
		"triple": func(l *gorgonia.Node) {
			gorgonia.Must(gorgonia.Mul(l, gorgonia.NewConstant(3.0)))
		},
		"difference": func(l *gorgonia.Node) {
			gorgonia.Must(gorgonia.Sub(l, gorgonia.NewConstant(3.0)))
		},
		"perplexity": func(l *gorgonia.Node) { gorgonia.Must(gorgonia.Exp(l)) },
		"rmse":       func(l *gorgonia.Node) { gorgonia.Must(gorgonia.Sqrt(l)) },
		"reshaped": func(l *gorgonia.Node) {
			gorgonia.Must(gorgonia.Reshape(l, tensor.Shape{1, 1}))
		},
		"reshaped and tripled": func(l *gorgonia.Node) {
			gorgonia.Must(
				gorgonia.Mul(
					gorgonia.Must(gorgonia.Reshape(l, tensor.Shape{1, 1})),
					gorgonia.NewConstant(3.0),
				),
			)
		},
	}
	for name, use := range uses {
		for _, kind := range []string{"scalar", "(1)", "(1,1)"} {
			t.Run(kind+"/"+name, func(t *testing.T) {
				run := func(viaRead bool) (float64, error) {
					must := gorgonia.Must
					g := gorgonia.NewGraph()
					x := gorgonia.NewMatrix(
						g,
						tensor.Float64,
						gorgonia.WithName("x"),
						gorgonia.WithShape(1, 3),
						gorgonia.WithValue(
							tensor.New(
								tensor.WithShape(1, 3),
								tensor.WithBacking([]float64{1, 2, 3}),
							),
						),
					)
					w := gorgonia.NewMatrix(
						g,
						tensor.Float64,
						gorgonia.WithName("w"),
						gorgonia.WithShape(3, 1),
						gorgonia.WithValue(
							tensor.New(
								tensor.WithShape(3, 1),
								tensor.WithBacking([]float64{.1, .2, .3}),
							),
						),
					)
					square := must(gorgonia.Square(must(gorgonia.Mul(x, w))))
					cost := must(gorgonia.Sum(square))
					loss := map[string]*gorgonia.Node{"scalar": cost,
						"(1)": must(gorgonia.Sum(square, 1)), "(1,1)": square}[kind]
					use(loss)
					var source gorgonia.Valuer = loss
					if viaRead {
						source = l4.ReadLoss(loss)
					}
					solver := l4.NewL4Mom(source)
					if err := tape(t, g, cost, gorgonia.Nodes{w},
						gorgonia.BindDualValues(w))(); err != nil {
						t.Fatal(err)
					}
					if err := solver.Step([]gorgonia.ValueGrad{w}); err != nil {
						return 0, err
					}
					return solver.Last().Loss, nil
				}
				got, err := run(false)
				if err == nil && math.Abs(got-lossValue) > 1e-12 {
					t.Errorf("loss %v without an error, want %v", got, lossValue)
				}
				t.Logf("read as %v, error %v", got, err)
				if name == "reshaped and tripled" { // gorgonia.Read comes too late here
					if err == nil || !strings.Contains(err.Error(), "Reshape") {
						t.Errorf("the error does not name the cause: %v", err)
					}
					if got, err := run(true); err == nil {
						t.Errorf("through ReadLoss: %v without an error", got)
					}
					return
				}
				if err != nil && !strings.Contains(err.Error(), "ReadLoss") {
					t.Errorf("the error does not tell the remedy: %v", err)
				}
				if got, err := run(true); err != nil || math.Abs(got-lossValue) > 1e-12 {
					t.Errorf("through ReadLoss: %v, %v", got, err)
				}
			})
		}
	}
}
