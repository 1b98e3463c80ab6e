package l4_test

import (
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// machines lists the virtual machines of Gorgonia, and ways to set them up, that a solver must work
// with. Each returned function computes the loss and the gradients.
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

// trainGraph runs a virtual machine and a solver alternately. The program creates the solver before
// the machine or after it.
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
