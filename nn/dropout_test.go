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

// TestDropoutGradients compares the gradients with central differences in both dtypes. All runs use
// the same mask.
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

// dropped is a graph with several Dropouts of the same input, which consists of ones.
type dropped struct {
	g    *gorgonia.ExprGraph
	x    *gorgonia.Node
	outs []*gorgonia.Node
	read []gorgonia.Value // copies of the outputs, which another operation may overwrite
}

const droppedSize = 200

// newDropped applies one Dropout for each seed to the same input.
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

// masks runs a machine several times and returns the outputs of each run.
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

// TestDropoutMasks checks that each run and each Dropout of a graph has another mask, that the
// masks depend on the seed, and that they have the right share of zeros.
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
			t.Errorf("mask %d: a share of %v is dropped, want about %v", i, share, p)
		}
		for j, other := range masks[:i] {
			if slices.Equal(mask, other) {
				t.Errorf("masks %d and %d are equal", i, j)
			}
		}
	}
	same, other := newDropped(p, 7, 7, 8), newDropped(p, 9, 7, 8)
	equalMasks(t, "of another graph", same.masks(t, same.tape(t), runs), masks)
	if slices.Equal(other.masks(t, other.tape(t), 1)[0], masks[0]) {
		t.Error("another seed gives the same mask")
	}

	nn.Reseed(d.g, 7)
	again := d.masks(t, d.tape(t), 2)
	if !slices.Equal(again[0], masks[0]) || !slices.Equal(again[1], masks[1]) {
		t.Error("Reseed does not restart the masks of the seed")
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

// TestDropoutInEvaluation checks that a machine for evaluation and SetTraining switch Dropouts off
// and on, and that a Dropout that is off draws no random numbers.
func TestDropoutInEvaluation(t *testing.T) {
	const p = 0.4
	ones := slices.Repeat([]float64{1}, droppedSize)
	reference := newDropped(p, 3)
	want := reference.masks(t, reference.tape(t), 2)

	d := newDropped(p, 3)
	training := d.tape(t)
	equalMasks(t, "of training", d.masks(t, training, 1), want[:1])
	evaluation := d.tape(t, gorgonia.EvalMode())
	for _, vm := range []gorgonia.VM{evaluation, training} { // the last machine decides for both
		equalMasks(t, "of evaluation", d.masks(t, vm, 1), [][]float64{ones})
	}
	nn.SetTraining(d.g, true)
	equalMasks(t, "of training again", d.masks(t, training, 1), want[1:])
	nn.SetTraining(d.g, false)
	equalMasks(t, "after SetTraining", d.masks(t, training, 1), [][]float64{ones})
	d.tape(t)
	if slices.Equal(d.masks(t, training, 1)[0], ones) {
		t.Error("a new machine does not switch Dropouts on")
	}
}

// TestBatchNormKeepsStatistics checks that SetTraining and Reseed do not change the running
// statistics of a BatchNorm, which loses them when it is switched to training.
func TestBatchNormKeepsStatistics(t *testing.T) {
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
		t.Errorf("the running means were %v and are %v, want no change, and not 0", before, after)
	}
}

// TestDropoutOnLispMachine checks that a Lisp machine computes the same loss and gradients as a
// tape machine.
func TestDropoutOnLispMachine(t *testing.T) {
	for _, dt := range []tensor.Dtype{tensor.Float32, tensor.Float64} {
		build := func() (x, loss *gorgonia.Node) {
			x = leaf(dt, 2, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
			h := must(nn.Dropout(x, 0.5, 3))
			h = must(nn.Dropout(must(gorgonia.Square(h)), 0.2, 3))
			return x, must(gorgonia.Sum(h))
		}
		x, loss := build()
		tape := differentiated(t, loss, x)
		lx, lispLoss := build()
		for run := range 3 { // gradients add up
			tape.Reset()
			lisp := gorgonia.NewLispMachine(lx.Graph()) // each run needs a new one
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

// TestDropoutMemory checks that neither the output nor the gradient is allocated again after the
// first run.
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
		t.Error("the second run allocated another output or gradient")
	}
	o, in := d.outs[0].Op(), []gorgonia.Value{d.x.Value()}
	if n := testing.AllocsPerRun(100, func() { _, err = o.Do(in...) }); n > 0 || err != nil {
		t.Errorf("%v allocations, error %v, want 0, nil", n, err)
	}
}

// TestDropoutErrors checks that bad arguments are errors.
func TestDropoutErrors(t *testing.T) {
	x := leaf(tensor.Float32, 1, 1, 2)
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
			t.Errorf("%s: error %v, want one that begins with nn:", name, err)
		}
	}
}
