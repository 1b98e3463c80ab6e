package nn_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/op/optest"
	"github.com/l4-go/l4/nn"
)

// TestDropoutGradients holds the gradients against central differences, with one mask for all runs,
// in both dtypes.
func TestDropoutGradients(t *testing.T) {
	for _, shape := range []tensor.Shape{{}, {1}, {7}, {4, 3}, {2, 3, 2, 2}} {
		for _, p := range []float64{0, 0.005, 0.5, 0.9} {
			t.Run(fmt.Sprint(shape, p), func(t *testing.T) {
				optest.Operation{
					Shapes: []tensor.Shape{shape}, Params: 1,
					Loss: func(n gorgonia.Nodes) (*gorgonia.Node, error) {
						if len(shape) == 0 {
							return gorgonia.Square(must(nn.Dropout(n[0], p, 1)))
						}
						h := must(nn.Dropout(must(gorgonia.Square(n[0])), p, 1))
						return optest.Weighted(nn.Dropout(must(gorgonia.Add(h, n[0])), p, 1))
					},
					Before: func(g *gorgonia.ExprGraph) { nn.Reseed(g, 5) },
				}.Check(t)
			})
		}
	}
}

// dropped is a graph of Dropouts in a row, of a leaf of ones.
type dropped struct {
	g    *gorgonia.ExprGraph
	x    *gorgonia.Node
	outs []*gorgonia.Node
	read []gorgonia.Value // the outputs, before another operation overwrites them
}

const droppedSize = 200

// newDropped applies Dropouts to one node each with its own seed.
func newDropped(p float64, seeds ...uint64) *dropped {
	d := &dropped{g: gorgonia.NewGraph(), read: make([]gorgonia.Value, len(seeds))}
	d.x = matrix(d.g, tensor.Float64, "x", 1, slices.Repeat([]float64{1}, droppedSize))
	for i, seed := range seeds {
		d.outs = append(d.outs, must(nn.Dropout(d.x, p, seed)))
		gorgonia.Read(d.outs[i], &d.read[i])
	}
	sum := d.outs[0]
	for _, out := range d.outs[1:] {
		sum = must(gorgonia.Add(sum, out))
	}
	must(gorgonia.Sum(sum))
	return d
}

// masks runs a machine some times and returns the outputs of each run.
func (d *dropped) masks(t *testing.T, vm gorgonia.VM, runs int) (masks [][]float64) {
	t.Helper()
	for range runs {
		vm.Reset()
		if err := vm.RunAll(); err != nil {
			t.Fatal(err)
		}
		for _, out := range d.read {
			masks = append(masks, slices.Clone(optest.Floats(out)))
		}
	}
	return masks
}

func (d *dropped) tape(t *testing.T, opts ...gorgonia.VMOpt) gorgonia.VM {
	vm := gorgonia.NewTapeMachine(d.g, opts...)
	t.Cleanup(func() { vm.Close() })
	return vm
}

// TestDropoutMasks: each run and each Dropout of a graph has another mask, that follows from the
// seed, with the right share of zeros.
func TestDropoutMasks(t *testing.T) {
	const p, runs = 0.3, 3
	d := newDropped(p, 7, 7, 8)
	masks := d.masks(t, d.tape(t), runs)
	for i, mask := range masks {
		zeros := 0
		for _, m := range mask {
			switch m {
			case 0:
				zeros++
			case 1 / (1 - p):
			default:
				t.Fatalf("an element is %v, want 0 or %v", m, 1/(1-p))
			}
		}
		// Five standard deviations.
		share := float64(zeros) / droppedSize
		if math.Abs(share-p) > 5*math.Sqrt(p*(1-p)/droppedSize) {
			t.Errorf("mask %d: a share of %v is dropped", i, share)
		}
		for j, other := range masks[:i] {
			if slices.Equal(mask, other) {
				t.Errorf("masks %d and %d are the same", i, j)
			}
		}
	}
	same, other := newDropped(p, 7, 7, 8), newDropped(p, 9, 7, 8)
	equalMasks(t, "of another graph", same.masks(t, same.tape(t), runs), masks)
	if slices.Equal(other.masks(t, other.tape(t), 1)[0], masks[0]) {
		t.Error("another seed has the same mask")
	}

	nn.Reseed(d.g, 7)
	again := d.masks(t, d.tape(t), 2)
	if !slices.Equal(again[0], masks[0]) || !slices.Equal(again[1], masks[1]) {
		t.Error("Reseed does not begin the masks of the seed")
	}
	nn.Reseed(d.g, 7)
	equalMasks(t, "after another Reseed", d.masks(t, d.tape(t), 2), again)
}

func equalMasks(t *testing.T, what string, got, want [][]float64) {
	t.Helper()
	if !slices.EqualFunc(got, want, slices.Equal[[]float64]) {
		t.Errorf("masks %s differ", what)
	}
}

// TestDropoutInEvaluation: a machine for evaluation, or SetTraining, switches dropping off and on
// again, in which nothing is drawn.
func TestDropoutInEvaluation(t *testing.T) {
	const p = 0.4
	ones := slices.Repeat([]float64{1}, droppedSize)
	reference := newDropped(p, 3)
	want := reference.masks(t, reference.tape(t), 2)

	d := newDropped(p, 3)
	training := d.tape(t)
	equalMasks(t, "of training", d.masks(t, training, 1), want[:1])
	evaluation := d.tape(t, gorgonia.EvalMode())
	for _, vm := range []gorgonia.VM{evaluation, training} { // the last that was made decides
		equalMasks(t, "of evaluation", d.masks(t, vm, 1), [][]float64{ones})
	}
	nn.SetTraining(d.g, true)
	equalMasks(t, "of training again", d.masks(t, training, 1), want[1:])
	nn.SetTraining(d.g, false)
	equalMasks(t, "after SetTraining", d.masks(t, training, 1), [][]float64{ones})
	d.tape(t)
	if slices.Equal(d.masks(t, training, 1)[0], ones) {
		t.Error("a new machine does not switch to training")
	}
}

// TestDropoutLeavesOthersAlone: SetTraining and Reseed go for Dropouts alone. BatchNorm forgets its
// running statistics when it is switched to training.
func TestDropoutLeavesOthersAlone(t *testing.T) {
	g := gorgonia.NewGraph()
	x := matrix(g, tensor.Float64, "x", 3, []float64{1, 2, 3, 4, 5, 6})
	normal, _, _, norm, err := gorgonia.BatchNorm(x, matrix(g, tensor.Float64, "scale", 1,
		[]float64{1, 1}), matrix(g, tensor.Float64, "bias", 1, []float64{0, 0}), 0.9, 1e-5)
	if err != nil {
		t.Fatal(err)
	}
	must(nn.SoftmaxCrossEntropy(must(nn.Dropout(normal, 0.5, 1)), x))
	vm := gorgonia.NewTapeMachine(g)
	defer vm.Close()
	if err := vm.RunAll(); err != nil {
		t.Fatal(err)
	}
	mean, _ := norm.Stats()
	before := slices.Clone(mean.Data().([]float64))
	nn.SetTraining(g, false)
	nn.SetTraining(g, true)
	nn.Reseed(g, 1)
	if after := mean.Data().([]float64); before[0] == 0 || !slices.Equal(before, after) {
		t.Errorf("running means %v, then %v", before, after)
	}
}

// TestDropoutOnLispMachine compares the two machines.
func TestDropoutOnLispMachine(t *testing.T) {
	for _, dt := range []tensor.Dtype{tensor.Float32, tensor.Float64} {
		build := func() (*gorgonia.ExprGraph, *gorgonia.Node, *gorgonia.Node) {
			g, x := leaf(dt, 2, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
			h := must(nn.Dropout(x, 0.5, 3))
			h = must(nn.Dropout(must(gorgonia.Square(h)), 0.2, 3))
			return g, x, must(gorgonia.Sum(h))
		}
		g, x, loss := build()
		if _, err := gorgonia.Grad(loss, x); err != nil {
			t.Fatal(err)
		}
		tape := gorgonia.NewTapeMachine(g, gorgonia.BindDualValues(x))
		defer tape.Close()
		lg, lx, lispLoss := build()
		for run := range 3 { // gradients add up
			tape.Reset()
			lisp := gorgonia.NewLispMachine(lg) // which runs once
			for _, vm := range []gorgonia.VM{tape, lisp} {
				if err := vm.RunAll(); err != nil {
					t.Fatal(err)
				}
			}
			lisp.Close()
			want, _ := x.Grad()
			got, err := lx.Grad()
			if err != nil {
				t.Fatal(err)
			}
			if a, b := optest.Floats(lispLoss.Value())[0], optest.Floats(loss.Value())[0]; a != b {
				t.Errorf("%v, run %d: loss %v, want %v", dt, run, a, b)
			}
			for i, w := range optest.Floats(want) {
				if g := optest.Floats(got)[i]; !near(g, w, 1e-4*(1+math.Abs(w))) {
					t.Errorf("%v, run %d: gradient %v at %d, want %v", dt, run, g, i, w)
				}
			}
		}
	}
}

// TestDropoutMemory: after the first run, neither the output nor the gradient is allocated anew.
func TestDropoutMemory(t *testing.T) {
	d := newDropped(0.3, 1)
	grads, err := gorgonia.Grad(must(gorgonia.Sum(d.outs[0])), d.x)
	if err != nil {
		t.Fatal(err)
	}
	vm := d.tape(t)
	d.masks(t, vm, 1)
	out, grad := d.outs[0].Value(), grads[0].Value()
	d.masks(t, vm, 1)
	if d.outs[0].Value() != out || grads[0].Value() != grad {
		t.Error("the second run has another output or gradient")
	}
	o, in := d.outs[0].Op(), []gorgonia.Value{d.x.Value()}
	if n := testing.AllocsPerRun(100, func() { _, err = o.Do(in...) }); n > 0 || err != nil {
		t.Errorf("%v allocations, error %v", n, err)
	}
}

func TestDropoutRefuses(t *testing.T) {
	_, x := leaf(tensor.Float32, 1, 1, 2)
	integers := gorgonia.NewVector(gorgonia.NewGraph(), tensor.Int, gorgonia.WithName("n"),
		gorgonia.WithShape(2))
	for name, c := range map[string]struct {
		x *gorgonia.Node
		p float64
	}{
		"below 0": {x, -0.1}, "1": {x, 1}, "NaN": {x, math.NaN()}, "nil": {nil, 0.5},
		"no graph": {gorgonia.NewConstant(1.0), 0.5}, "integers": {integers, 0.5},
	} {
		_, err := nn.Dropout(c.x, c.p, 1)
		if err == nil || !strings.HasPrefix(err.Error(), "nn: ") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}
