package nn

import (
	"iter"
	"math/rand/v2"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"

	"github.com/l4-go/l4/internal/op"
)

// Dropout returns x with each element set to 0 with probability p, and multiplied by 1/(1−p)
// otherwise, so that the expected value of an element stays the same (N. Srivastava et al., JMLR
// 15, 2014). With the mask m of these factors, the output and the gradient are
//
//	y = m ∘ x,  ∂L/∂x = m ∘ ∂L/∂y
//
// p is at least 0 and below 1. x is a float32 or float64 node of any shape. Dropout returns an
// error if p is out of range, if x is nil or has no graph, or if x has another dtype.
//
// Each run of the graph draws a new mask. The masks depend only on seed and on the number of
// Dropouts that the graph had before this one. So a program gives the same bits each time, and all
// Dropouts of a graph can have the same seed. Give different seeds to graphs that share weights.
// Reseed explains how to resume training to the bit.
//
// For evaluation, create the virtual machine with gorgonia.EvalMode(), as for Gorgonia's Dropout,
// or call SetTraining. Then y = x. The machine that was created last decides for all machines of
// the graph.
func Dropout(x *gorgonia.Node, p float64, seed uint64) (*gorgonia.Node, error) {
	if x == nil || x.Graph() == nil {
		return nil, errors.New("nn: Dropout: the node is nil or has no graph: pass a node of a " +
			"graph")
	}
	if !(p >= 0 && p < 1) {
		return nil, errors.Errorf(
			"nn: Dropout: the probability is %v, want at least 0 and below 1", p)
	}
	masks := &stream{}
	for range dropouts(x.Graph()) {
		masks.number++
	}
	masks.seed(seed)
	s := op.Spec{Name: "Dropout", Shape: x.Shape()}
	d := op.Dropout{Size: x.Shape().TotalSize(), Probability: p, Source: masks}
	y, err := op.ApplyEither(s, d, op.NewDropout[float32], op.NewDropout[float64], x)
	return y, errors.WithMessage(err, "nn")
}

// SetTraining switches all Dropouts of g on for training, or off for evaluation. A new Dropout is
// on. A virtual machine that is created later switches them again: off if it is created with
// gorgonia.EvalMode(), otherwise on. SetTraining does not switch Gorgonia's own operations, because
// BatchNorm loses its running statistics when it is switched to training.
func SetTraining(g *gorgonia.ExprGraph, training bool) {
	for d := range dropouts(g) {
		d.SetTraining(training)
	}
}

// Reseed restarts the masks of all Dropouts of g from seed. After two calls with the same seed, the
// same masks follow.
//
// Use it to resume training to the bit: call it each time you save a checkpoint, and after you load
// one, with a number that is known in both cases, such as the number of steps:
//
//	nn.Reseed(g, uint64(solver.Last().Step))
func Reseed(g *gorgonia.ExprGraph, seed uint64) {
	for _, masks := range dropouts(g) {
		masks.seed(seed)
	}
}

// stream generates the random numbers of one Dropout.
type stream struct {
	rand.PCG
	number uint64 // number of Dropouts that the graph had before
}

func (s *stream) seed(seed uint64) { s.Seed(seed, s.number) }

// dropouts yields the Dropouts of a graph.
func dropouts(g *gorgonia.ExprGraph) iter.Seq2[op.Trainable, *stream] {
	return func(yield func(op.Trainable, *stream) bool) {
		for _, n := range g.AllNodes() {
			d, ok := op.ModuleOf(n).(interface {
				op.Trainable
				Rand() rand.Source
			})
			if !ok {
				continue
			}
			if masks, ok := d.Rand().(*stream); ok && !yield(d, masks) {
				return
			}
		}
	}
}
