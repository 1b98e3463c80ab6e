package dnc

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/bind/bindtest"
	"github.com/l4-go/l4/internal/op"
	"github.com/l4-go/l4/internal/op/optest"
)

// run returns the loss of a net and the gradients of its weights.
func run(n op.Module[float64], s Size, in [][]float64, targets, mask []float64) (
	float64, [][]float64,
) {
	logits, sum := make([]float64, len(targets)), make([]float64, 1)
	l := newLoss[float64](tensor.Shape{s.Steps, s.Batch, s.Outputs})
	n.Forward(logits, in)
	l.Forward(sum, [][]float64{logits, targets, mask})
	dlogits := [][]float64{make([]float64, len(targets)), nil, nil}
	l.Backward(dlogits, [][]float64{logits, targets, mask}, sum, []float64{1})
	grads := [][]float64{nil}
	for _, w := range in[1:] {
		grads = append(grads, slices.Repeat([]float64{math.NaN()}, len(w)))
	}
	n.Backward(grads, in, logits, dlogits[0])
	return sum[0], grads
}

// random returns inputs, weights, targets and a mask.
func random(s Size) (in [][]float64, targets, mask []float64) {
	r := rand.New(rand.NewPCG(1, 2))
	fill := func(n int, next func() float64) []float64 {
		xs := make([]float64, n)
		for i := range xs {
			xs[i] = next()
		}
		return xs
	}
	in = [][]float64{fill(s.Steps*s.Batch*s.Inputs, r.NormFloat64)}
	for _, shape := range s.weights() {
		in = append(in, fill(shape.TotalSize(), func() float64 { return r.NormFloat64() / 2 }))
	}
	bit := func() float64 { return float64(r.IntN(2)) }
	return in, fill(s.Steps*s.Batch*s.Outputs, bit), fill(s.Steps*s.Batch, bit)
}

// frozen replaces detach for central differences: its value stays while the weights change.
type frozen struct{}

func (frozen) forward(_ []float64, _ [][]float64)        {}
func (frozen) backward(_, _ [][]float64, _, _ []float64) {}

// TestNetGradients compares the gradients of the complete net over four steps with central
// differences. It starts from a state in which no two slots are used alike, as gradients take the
// order of the slots for constant.
func TestNetGradients(t *testing.T) {
	s := small
	in, targets, mask := random(s)
	n := newNet[float64](s).(*net[float64])
	r := rand.New(rand.NewPCG(3, 4))
	for _, v := range []variable[float64]{
		n.start.cell, n.start.hidden, n.start.memory, n.start.usage, n.start.link,
		n.start.precedence, n.start.write, n.start.read, n.start.words,
	} {
		for i := range v.value {
			v.value[i] = r.Float64() / 3
		}
	}
	loss, grads := run(n, s, in, targets, mask)
	for i := range n.tape.calls {
		if c := &n.tape.calls[i]; c.operation == (detach[float64]{}) {
			c.operation = frozen{}
		}
	}
	const h = 1e-6
	for k, w := range in {
		if k == 0 {
			continue
		}
		for i, x := range w {
			w[i] = x + h
			up, _ := run(n, s, in, targets, mask)
			w[i] = x - h
			down, _ := run(n, s, in, targets, mask)
			w[i] = x
			want := (up - down) / (2 * h)
			if got := grads[k][i]; !(math.Abs(got-want) <= 1e-8*(1+math.Abs(want)+loss)) {
				t.Errorf("weights %d, element %d: gradient %v, central difference %v", k, i, got,
					want)
			}
		}
	}
}

// goldenSequences and goldenWeights return the sequences and weights of testdata/golden.py.
func goldenSequences() []Sequence {
	var sequences []Sequence
	for b := range 16 {
		sequences = append(sequences, Sequence{
			words:  [2]int{(5*b + 3) % 16, (5*b + 10) % 16},
			length: 1 + b%2, repeats: 1 + b/2%2,
		})
	}
	return sequences
}

func goldenWeights(s Size) [][]float64 {
	var weights [][]float64
	for k, shape := range s.weights() {
		scale := 0.1
		if len(shape) == 2 {
			scale = 1.5 / math.Sqrt(float64(shape[0]))
		}
		w := make([]float64, shape.TotalSize())
		for i := range w {
			w[i] = scale * math.Sin(float64((k+1)*(i+1)))
		}
		weights = append(weights, w)
	}
	return weights
}

// golden returns the net's inputs, including the weights, and the targets and the mask of
// goldenSequences, for s.Steps steps.
func golden(s Size) (in [][]float64, targets, mask []float64) {
	x := make([]float64, s.Steps*s.Batch*s.Inputs)
	targets, mask = make([]float64, s.Steps*s.Batch*s.Outputs), make([]float64, s.Steps*s.Batch)
	Load(goldenSequences(), x, targets, mask)
	return append([][]float64{x}, goldenWeights(s)...), targets, mask
}

// TestPyTorch compares the loss and the gradients with an implementation in PyTorch.
func TestPyTorch(t *testing.T) {
	data, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		Loss     float64
		Gradient []float64
	}
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	s := RepeatCopy(16)
	in, targets, mask := golden(s)
	loss, grads := run(newNet[float64](s), s, in, targets, mask)
	if math.Abs(loss-want.Loss) > 1e-12*want.Loss {
		t.Errorf("loss %v, in PyTorch %v", loss, want.Loss)
	}
	grad := slices.Concat(grads[1:]...)
	if len(grad) != 43_980 || len(want.Gradient) != (len(grad)+18)/19 {
		t.Fatalf("%d elements, %d of them in the file", len(grad), len(want.Gradient))
	}
	largest := 0.0
	for i, x := range want.Gradient {
		largest = max(largest, math.Abs(grad[19*i]-x))
	}
	if largest > 1e-12 {
		t.Errorf("the gradients differ by up to %v", largest)
	}
	t.Logf("the losses differ by %.1g, the gradients by up to %.1g of %.1g",
		loss-want.Loss, largest, slices.Max(want.Gradient))
}

// TestMasked: inputs and further steps after the end of a sequence change neither the loss nor the
// gradients.
func TestMasked(t *testing.T) {
	s := RepeatCopy(16)
	in, targets, mask := golden(s)
	want, wantGrads := run(newNet[float64](s), s, in, targets, mask)
	longer := s
	longer.Steps += 3
	for _, size := range []Size{s, longer} {
		in, targets, mask := golden(size)
		r := rand.New(rand.NewPCG(1, 2))
		after := 0
		for b, seq := range goldenSequences() {
			for step := seq.answer() + seq.spoken(); step < size.Steps; step++ {
				at := step*s.Batch + b
				for i := range s.Inputs {
					in[0][at*s.Inputs+i] = 10 * r.NormFloat64()
				}
				for i := range s.Outputs {
					targets[at*s.Outputs+i] = r.Float64()
				}
				after++
			}
		}
		got, grads := run(newNet[float64](size), size, in, targets, mask)
		if got != want || after == 0 {
			t.Errorf("%d steps: loss %v, want %v", size.Steps, got, want)
		}
		for k := range grads {
			if !slices.Equal(grads[k], wantGrads[k]) {
				t.Errorf("%d steps: the gradients of weights %d change", size.Steps, k)
			}
		}
	}
}

// TestNetMemory: a net does not allocate memory when it runs.
func TestNetMemory(t *testing.T) {
	s := RepeatCopy(2)
	in, targets, _ := random(s)
	n := newNet[float64](s)
	grads := [][]float64{nil}
	for _, w := range in[1:] {
		grads = append(grads, make([]float64, len(w)))
	}
	out := make([]float64, len(targets))
	if n := testing.AllocsPerRun(3, func() {
		n.Forward(out, in)
		n.Backward(grads, in, out, targets)
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestApply: the graph and the net have the same loss, in both dtypes. Invalid shapes are errors.
func TestApply(t *testing.T) {
	s := RepeatCopy(16)
	in, targets, mask := golden(s)
	want, _ := run(newNet[float64](s), s, in, targets, mask)
	for _, dt := range []tensor.Dtype{tensor.Float32, tensor.Float64} {
		g := G.NewGraph()
		node := func(name string, xs []float64, shape ...int) *G.Node {
			v := tensor.New(tensor.WithShape(shape...), tensor.Of(dt))
			bindtest.SetNumbers(v, xs)
			return G.NodeFromAny(g, v, G.WithName(name))
		}
		x := node("x", in[0], s.Steps, s.Batch, s.Inputs)
		var weights G.Nodes
		for k, shape := range s.weights() {
			weights = append(weights, node(fmt.Sprint("w", k), in[k+1], shape...))
		}
		logits := G.Must(Apply(s, x, weights))
		m := node("mask", mask, s.Steps, s.Batch)
		loss := G.Must(Loss(logits, node("targets", targets, s.Steps, s.Batch, s.Outputs), m))
		if _, err := G.Grad(loss, weights...); err != nil {
			t.Fatal(err)
		}
		vm := G.NewTapeMachine(g, G.BindDualValues(weights...))
		defer vm.Close()
		if err := vm.RunAll(); err != nil {
			t.Fatal(err)
		}
		if got := optest.Floats(loss.Value())[0]; math.Abs(got-want) > 1e-5*want {
			t.Errorf("%v: loss %v, want %v", dt, got, want)
		}

		for what, call := range map[string]func() (*G.Node, error){
			"inputs of another size": func() (*G.Node, error) { return Apply(small, x, weights) },
			"too few weights":        func() (*G.Node, error) { return Apply(s, x, weights[1:]) },
			"weights in wrong order": func() (*G.Node, error) {
				return Apply(s, x, append(weights[2:6:6], weights[:2]...))
			},
			"targets of another shape": func() (*G.Node, error) { return Loss(logits, x, m) },
			"no mask": func() (*G.Node, error) {
				return Loss(logits, logits, logits)
			},
		} {
			if _, err := call(); err == nil {
				t.Errorf("%s: no error", what)
			}
		}
	}
}

func BenchmarkNet(b *testing.B) {
	s := RepeatCopy(16)
	in, targets, mask := golden(s)
	n := newNet[float64](s)
	for b.Loop() {
		run(n, s, in, targets, mask)
	}
}
