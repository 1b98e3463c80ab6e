package nn

import (
	"iter"
	"math/rand/v2"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"

	"github.com/l4-go/l4/internal/op"
)

// Dropout returns x with each element set to 0 with probability p, from 0 to below 1, and
// multiplied by 1/(1−p) otherwise, so that its mean stays (N. Srivastava et al., JMLR 15, 2014).
// With the mask m of these factors,
//
//	y = m ∘ x,  ∂L/∂x = m ∘ ∂L/∂y
//
// x is of float32 or float64 and of any shape. Each run of the graph draws a new mask. The masks
// follow from the seed and from the number of Dropouts that the graph had before, so that a program
// repeats to the bit, and all Dropouts of a graph may have one seed. Give graphs over the same
// weights different seeds. To resume training to the bit, see Reseed.
//
// For evaluation, make the virtual machine with gorgonia.EvalMode(), as for Gorgonia's own Dropout,
// or call SetTraining; then y = x. The machine that is made last decides for the graph. It is an
// error if p is out of range, if x is nil or has no graph, or if its dtype is another one.
func Dropout(x *gorgonia.Node, p float64, seed uint64) (*gorgonia.Node, error) {
	if x == nil || x.Graph() == nil {
		return nil, errors.New("nn: Dropout: the node is nil or has no graph: pass a node of a graph")
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
	return op.ApplyEither(s, d, op.NewDropout[float32], op.NewDropout[float64], x)
}

// SetTraining switches all Dropouts of a graph on, as they are at first, or off, for evaluation. A
// virtual machine that is made later switches them again: off if it is made with
// gorgonia.EvalMode(), otherwise on. It leaves Gorgonia's own operations alone, because BatchNorm
// forgets its running statistics when it is switched to training.
func SetTraining(g *gorgonia.ExprGraph, training bool) {
	for d := range dropouts(g) {
		d.SetTraining(training)
	}
}

// Reseed makes the next masks of all Dropouts of a graph those that the seed begins with. Use it to
// resume training to the bit: call it whenever a checkpoint is saved, and after one is loaded, with
// a number that both know, such as the number of steps:
//
//	nn.Reseed(g, uint64(solver.Last().Step))
//
// Called before each of two runs with one seed, it gives both the same masks.
func Reseed(g *gorgonia.ExprGraph, seed uint64) {
	for _, masks := range dropouts(g) {
		masks.seed(seed)
	}
}

// stream is the random numbers of one Dropout.
type stream struct {
	rand.PCG
	number uint64 // of Dropouts that the graph had before
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
