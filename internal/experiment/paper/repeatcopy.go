package paper

import (
	"fmt"
	"math"
	"math/rand/v2"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/experiment/compare"
	"github.com/l4-go/l4/internal/experiment/dnc"
)

// RepeatCopy is the compare.Training of the paper's section 3.4: a differentiable neural computer
// learns to repeat a pattern. Each step has a new batch of sequences.
type RepeatCopy struct {
	*compare.Machine
	net, eval *sequenceNet
	evalVM    gorgonia.VM
	seed      uint64
	test      []dnc.Sequence
}

const (
	testSequences = 1000
	evalSequences = 50 // in one evaluation
)

// NewRepeatCopy starts the training. The seed determines the weights, the training sequences and
// the test sequences.
func NewRepeatCopy(dt tensor.Dtype, batch int, seed uint64) (*RepeatCopy, error) {
	values := dnc.NewWeights(dt, dnc.RepeatCopy(batch), rand.New(rand.NewPCG(seed, 0)))
	t := &RepeatCopy{seed: seed, test: draw(seed, math.MaxUint64, testSequences)}
	var err error
	if t.net, err = newSequenceNet(values, batch); err != nil {
		return nil, err
	}
	if t.eval, err = newSequenceNet(values, evalSequences); err != nil {
		return nil, err
	}
	if t.Machine, err = compare.NewMachine(t.net.loss, t.net.weights); err != nil {
		return nil, err
	}
	t.evalVM = gorgonia.NewTapeMachine(t.eval.logits.Graph())
	return t, nil
}

// draw returns n sequences from a random stream of a seed.
func draw(seed, stream uint64, n int) []dnc.Sequence {
	r := rand.New(rand.NewPCG(seed, stream))
	sequences := make([]dnc.Sequence, n)
	for i := range sequences {
		sequences[i] = dnc.Draw(r)
	}
	return sequences
}

// Run implements compare.Training.
func (t *RepeatCopy) Run(step int) (gorgonia.Valuer, []gorgonia.ValueGrad, error) {
	batch := t.net.inputs.Shape()[1]
	t.net.load(draw(t.seed, uint64(step)+1, batch))
	return t.Machine.Run()
}

// Metric returns the share of test sequences that the net repeats without a wrong bit.
func (t *RepeatCopy) Metric() (float64, error) {
	right := 0
	for at := 0; at < len(t.test); at += evalSequences {
		answers, err := t.answers(t.test[at:][:evalSequences])
		if err != nil {
			return 0, err
		}
		for _, a := range answers {
			if a.Right() {
				right++
			}
		}
	}
	return float64(right) / float64(len(t.test)), nil
}

// answers returns the answers of the net to evalSequences sequences.
func (t *RepeatCopy) answers(sequences []dnc.Sequence) ([]dnc.Answer, error) {
	t.eval.load(sequences)
	t.evalVM.Reset()
	if err := t.evalVM.RunAll(); err != nil {
		return nil, err
	}
	if logits, ok := t.eval.logits.Value().Data().([]float32); ok {
		return dnc.Answers(sequences, logits), nil
	}
	return dnc.Answers(sequences, t.eval.logits.Value().Data().([]float64)), nil
}

// Show returns the longest of evalSequences test sequences and the answer of the net.
func (t *RepeatCopy) Show() (string, error) {
	answers, err := t.answers(t.test[:evalSequences])
	if err != nil {
		return "", err
	}
	shown := answers[0]
	for _, a := range answers {
		if a.Len() > shown.Len() {
			shown = a
		}
	}
	return fmt.Sprint(shown), nil
}

// Close implements compare.Training.
func (t *RepeatCopy) Close() error {
	evalErr := t.evalVM.Close()
	if err := t.Machine.Close(); err != nil {
		return err
	}
	return evalErr
}

// sequenceNet is a net with its loss, for a fixed number of sequences.
type sequenceNet struct {
	inputs, targets, mask *gorgonia.Node
	logits, loss          *gorgonia.Node
	weights               gorgonia.Nodes
}

// newSequenceNet builds a net. It uses the memory of values as weights.
func newSequenceNet(values []*tensor.Dense, sequences int) (*sequenceNet, error) {
	g, size := gorgonia.NewGraph(), dnc.RepeatCopy(sequences)
	node := func(name string, shape ...int) *gorgonia.Node {
		v := tensor.New(tensor.WithShape(shape...), tensor.Of(values[0].Dtype()))
		return gorgonia.NodeFromAny(g, v, gorgonia.WithName(name))
	}
	n := &sequenceNet{
		inputs:  node("inputs", size.Steps, sequences, size.Inputs),
		targets: node("targets", size.Steps, sequences, size.Outputs),
		mask:    node("mask", size.Steps, sequences),
	}
	for i, v := range values {
		name := gorgonia.WithName(fmt.Sprint("weights", i))
		n.weights = append(n.weights, gorgonia.NodeFromAny(g, v, name))
	}
	var err error
	if n.logits, err = dnc.Apply(size, n.inputs, n.weights); err != nil {
		return nil, err
	}
	n.loss, err = dnc.Loss(n.logits, n.targets, n.mask)
	return n, err
}

func (n *sequenceNet) load(sequences []dnc.Sequence) {
	x, y, mask := n.inputs.Value().Data(), n.targets.Value().Data(), n.mask.Value().Data()
	if x, ok := x.([]float32); ok {
		dnc.Load(sequences, x, y.([]float32), mask.([]float32))
		return
	}
	dnc.Load(sequences, x.([]float64), y.([]float64), mask.([]float64))
}
