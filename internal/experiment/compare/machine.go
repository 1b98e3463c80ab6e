package compare

import (
	"math"
	"sync"

	"gorgonia.org/gorgonia"
)

// Machine evaluates the loss of one graph and the gradients of the loss. A task with one graph for
// each sequence length has one Machine for each graph.
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
	// The machine evaluates only the loss and these gradients. The graph also has the gradient of
	// the input.
	subgraph := loss.Graph().SubgraphRoots(append(grads, loss)...)
	return &Machine{
		vm:      gorgonia.NewTapeMachine(subgraph, gorgonia.BindDualValues(weights...)),
		loss:    loss,
		weights: weights,
		model:   gorgonia.NodesToValueGrads(weights),
	}, nil
}

// Run evaluates the loss and adds its gradients to the gradients of the weights. A solver's Step
// zeroes them.
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

// building is locked while a graph is built, differentiated or compiled, because Gorgonia then
// changes state that all graphs share.
var building sync.Mutex

// Build calls a function that builds and compiles graphs. Only one such function runs at a time. If
// several runs are made at the same time, all graphs must be built within Build.
func Build[T any](build func() (T, error)) (T, error) {
	building.Lock()
	defer building.Unlock()
	return build()
}

// Plain is a Training with one graph, constant inputs and no test data.
type Plain struct{ *Machine }

// Run implements Training.
func (p Plain) Run(int) (gorgonia.Valuer, []gorgonia.ValueGrad, error) { return p.Machine.Run() }

// Metric returns NaN: there is no test data.
func (p Plain) Metric() (float64, error) { return math.NaN(), nil }
