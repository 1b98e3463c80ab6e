package compare

import (
	"math"
	"sync"

	"gorgonia.org/gorgonia"
)

// Machine evaluates the loss of one graph and its gradients. A task with a graph for each sequence
// length has a Machine for each.
type Machine struct {
	vm      gorgonia.VM
	loss    *gorgonia.Node
	weights gorgonia.Nodes
	model   []gorgonia.ValueGrad
}

// NewMachine adds the gradients of the loss with respect to the weights to their graph and compiles
// it. Call it within Build.
func NewMachine(loss *gorgonia.Node, weights gorgonia.Nodes) (*Machine, error) {
	grads, err := gorgonia.Grad(loss, weights...)
	if err != nil {
		return nil, err
	}
	// Only what leads to the loss and these gradients: the graph also holds the gradient of the
	// input.
	subgraph := loss.Graph().SubgraphRoots(append(grads, loss)...)
	return &Machine{
		vm:      gorgonia.NewTapeMachine(subgraph, gorgonia.BindDualValues(weights...)),
		loss:    loss,
		weights: weights,
		model:   gorgonia.NodesToValueGrads(weights),
	}, nil
}

// Run evaluates the loss and adds the gradients to the weights' gradients, which a solver's Step
// zeroes.
func (m *Machine) Run() (gorgonia.Valuer, []gorgonia.ValueGrad, error) {
	m.vm.Reset()
	if err := m.vm.RunAll(); err != nil {
		return nil, nil, err
	}
	return m.loss, m.model, nil
}

// State returns the weights.
func (m *Machine) State() []gorgonia.Value {
	var values []gorgonia.Value
	for _, w := range m.weights {
		values = append(values, w.Value())
	}
	return values
}

// Close frees the machine.
func (m *Machine) Close() error { return m.vm.Close() }

// building is held while a graph is built, differentiated or compiled: Gorgonia then changes state
// that all graphs share.
var building sync.Mutex

// Build calls a function that builds graphs and compiles them, one such function at a time. Where
// runs go side by side, all graphs are built within it.
func Build[T any](build func() (T, error)) (T, error) {
	building.Lock()
	defer building.Unlock()
	return build()
}

// Plain is a Training of one graph without test data.
type Plain struct {
	*Machine
	// SetInputs sets the graph's inputs for a step, counted from 0. It is nil if they are constant.
	SetInputs func(step int)
}

// Run implements Training.
func (p Plain) Run(step int) (gorgonia.Valuer, []gorgonia.ValueGrad, error) {
	if p.SetInputs != nil {
		p.SetInputs(step)
	}
	return p.Machine.Run()
}

// Metric returns NaN.
func (p Plain) Metric() (float64, error) { return math.NaN(), nil }
