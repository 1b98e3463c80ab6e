package paper

import (
	"cmp"
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
	net, eval sequenceNet
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
	weights := dnc.NewWeights(dt, dnc.RepeatCopy(batch), rand.New(rand.NewPCG(seed, 0)))
	net, eval := newSequenceNet(weights, batch), newSequenceNet(weights, evalSequences)
	m, err := compare.NewMachine(net.Loss, net.Weights)
	if err != nil {
		return nil, err
	}
	return &RepeatCopy{
		Machine: m, net: net, eval: eval, evalVM: gorgonia.NewTapeMachine(eval.Graph),
		seed: seed, test: draw(seed, math.MaxUint64, testSequences),
	}, nil
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
	batch := t.net.Input.Shape()[1]
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
	if logits, ok := t.eval.Output.Value().Data().([]float32); ok {
		return dnc.Answers(sequences, logits), nil
	}
	return dnc.Answers(sequences, t.eval.Output.Value().Data().([]float64)), nil
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
func (t *RepeatCopy) Close() error { return cmp.Or(t.Machine.Close(), t.evalVM.Close()) }

// sequenceNet is a net for a fixed number of sequences. The first axis of its tensors is the step,
// the second the sequence. The mask selects the outputs that count.
type sequenceNet struct {
	*Net
	mask *gorgonia.Node
}

func newSequenceNet(weights Weights, sequences int) sequenceNet {
	size := dnc.RepeatCopy(sequences)
	b := newBuilder(weights, size.Steps, sequences, size.Inputs)
	for range weights {
		b.next()
	}
	mask := b.node("mask", constant(b.dtype(), 0, size.Steps, sequences))
	b.Output = gorgonia.Must(dnc.Apply(size, b.Input, b.Weights))
	b.Target = b.node("target", constant(b.dtype(), 0, b.Output.Shape()...))
	b.Loss = gorgonia.Must(dnc.Loss(b.Output, b.Target, mask))
	return sequenceNet{b.Net, mask}
}

func (n sequenceNet) load(sequences []dnc.Sequence) {
	x, y, mask := n.Input.Value().Data(), n.Target.Value().Data(), n.mask.Value().Data()
	if x, ok := x.([]float32); ok {
		dnc.Load(sequences, x, y.([]float32), mask.([]float32))
		return
	}
	dnc.Load(sequences, x.([]float64), y.([]float64), mask.([]float64))
}
