package nn_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
	"github.com/l4-go/l4/internal/op/optest"
	"github.com/l4-go/l4/nn"
)

// classes is a classifier with three layers and a Dropout after each of the first two, as in a
// public recommender library. Its targets come from a linear teacher.
type classes struct {
	g       *gorgonia.ExprGraph
	x, y    *gorgonia.Node
	loss    *gorgonia.Node
	weights gorgonia.Nodes
	machine gorgonia.VM
	data    *rand.Rand
	teacher []float64
}

func newClasses(t *testing.T,
	dropout func(x *gorgonia.Node) (*gorgonia.Node, error)) *classes {
	const in, hidden, out, batch = 10, 32, 5, 32
	c := &classes{g: gorgonia.NewGraph(), data: rand.New(rand.NewPCG(1, 2))}
	r := rand.New(rand.NewPCG(3, 4))
	normals := func(n int, scale float64) []float64 {
		xs := make([]float64, n)
		for i := range xs {
			xs[i] = scale * r.NormFloat64()
		}
		return xs
	}
	c.teacher = normals(in*out, 1)
	c.x = matrix(c.g, tensor.Float64, "x", batch, make([]float64, batch*in))
	c.y = matrix(c.g, tensor.Float64, "y", batch, make([]float64, batch*out))
	h := c.x
	for i, size := range [][2]int{{in, hidden}, {hidden, hidden}, {hidden, out}} {
		if i > 0 {
			h = must(dropout(must(gorgonia.Tanh(h))))
		}
		w := matrix(c.g, tensor.Float64, fmt.Sprint("w", i), size[0],
			normals(size[0]*size[1], 1/math.Sqrt(float64(size[0]))))
		c.weights = append(c.weights, w)
		h = must(gorgonia.Mul(h, w))
	}
	c.loss = must(nn.SoftmaxCrossEntropy(h, c.y))
	c.machine = differentiated(t, c.loss, c.weights...)
	return c
}

// train makes steps on new rows. It returns the first error of a step.
func (c *classes) train(t *testing.T, solver gorgonia.Solver, steps int) error {
	t.Helper()
	x, y := optest.Floats(c.x.Value()), optest.Floats(c.y.Value())
	rows, in, out := c.x.Shape()[0], c.x.Shape()[1], c.y.Shape()[1]
	for range steps {
		clear(y)
		for r := range rows {
			best, top := 0, math.Inf(-1)
			for k := range out {
				score := 0.0
				for i := range in {
					if k == 0 {
						x[r*in+i] = c.data.NormFloat64()
					}
					score += x[r*in+i] * c.teacher[i*out+k]
				}
				if score > top {
					best, top = k, score
				}
			}
			y[r*out+best] = 1
		}
		c.machine.Reset()
		if err := c.machine.RunAll(); err != nil {
			t.Fatal(err)
		}
		if err := solver.Step(gorgonia.NodesToValueGrads(c.weights)); err != nil {
			return err
		}
	}
	return nil
}

// TestDropoutTrains checks that a net trains with nn.Dropout of a small probability. With
// Gorgonia's Dropout it does not, because each Dropout makes the gradient 200 times too large.
func TestDropoutTrains(t *testing.T) {
	const p, steps = 0.005, 1000
	theirs := func(x *gorgonia.Node) (*gorgonia.Node, error) { return gorgonia.Dropout(x, p) }
	ours := func(x *gorgonia.Node) (*gorgonia.Node, error) { return nn.Dropout(x, p, 1) }
	c := newClasses(t, ours)
	solver := l4.NewL4Adam(c.loss)
	if err := c.train(t, solver, steps); err != nil || !(solver.Last().Loss < 0.5) {
		t.Errorf("loss %v, error %v, want a loss below 0.5", solver.Last().Loss, err)
	}
	c = newClasses(t, theirs)
	solver = l4.NewL4Adam(c.loss, l4.WithUncheckedOps())
	if err := c.train(t, solver, steps); err != nil || !(solver.Last().Loss > 1) {
		t.Errorf("%swith Gorgonia's Dropout the loss is %v, error %v", fixed, solver.Last().Loss,
			err)
	}
}

// TestDropoutResume checks that a run that is stopped and resumed at checkpoints ends with the same
// bits as a run that is not stopped.
func TestDropoutResume(t *testing.T) {
	ours := func(x *gorgonia.Node) (*gorgonia.Node, error) { return nn.Dropout(x, 0.5, 1) }
	run := func(stop bool) (weights []float64) {
		c := newClasses(t, ours)
		solver := l4.NewL4Adam(c.loss)
		for range 3 {
			if err := c.train(t, solver, 5); err != nil {
				t.Fatal(err)
			}
			state, err := solver.MarshalBinary()
			if err != nil {
				t.Fatal(err)
			}
			if stop {
				next := newClasses(t, ours)
				for i, w := range next.weights {
					copy(optest.Floats(w.Value()), optest.Floats(c.weights[i].Value()))
				}
				next.data, solver = c.data, l4.NewL4Adam(next.loss)
				if err := solver.UnmarshalBinary(state); err != nil {
					t.Fatal(err)
				}
				c = next
			}
			nn.Reseed(c.g, uint64(solver.Last().Step))
		}
		if err := c.train(t, solver, 5); err != nil {
			t.Fatal(err)
		}
		for _, w := range c.weights {
			weights = append(weights, optest.Floats(w.Value())...)
		}
		return weights
	}
	if !slices.Equal(run(true), run(false)) {
		t.Error("the weights of the resumed run differ")
	}
}
