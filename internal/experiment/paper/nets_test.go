package paper

import (
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/op"
	"github.com/l4-go/l4/internal/op/optest"
)

// nets lists the nets with convolutions, for training.
var nets = map[string]func(dt tensor.Dtype, batch int) *Net{
	"fashion": func(dt tensor.Dtype, batch int) *Net {
		return Fashion(FashionWeights(dt, rand.New(rand.NewPCG(1, 0))), batch,
			Dropout{0.5, &repeating{period: uint64(1024 * batch)}})
	},
	"resnet8": func(dt tensor.Dtype, batch int) *Net {
		weights, statistics := ResNetWeights(dt, 1, rand.New(rand.NewPCG(1, 0)))
		net := ResNet(weights, statistics, batch, true)
		net.Regularize(2e-4)
		return net
	},
}

// repeating is a random source that repeats its numbers after a period, the length of one run.
type repeating struct{ n, period uint64 }

func (r *repeating) Uint64() uint64 {
	r.n = (r.n + 1) % r.period
	return r.n * 0x9e3779b97f4a7c15
}

// fillBatch sets the inputs to noise and the targets to the classes in turn. It returns the source
// of the noise.
func fillBatch(net *Net) *rand.Rand {
	r := rand.New(rand.NewPCG(3, 4))
	op.Fill(net.Input.Value().(*tensor.Dense), r.NormFloat64)
	classes := net.Target.Shape()[1]
	i := -1
	op.Fill(net.Target.Value().(*tensor.Dense), func() float64 {
		i++
		if i%classes == i/classes%classes {
			return 1
		}
		return 0
	})
	return r
}

// filled sets inputs and targets of a net, and its last layer, which is initially zero, so that the
// gradients of all other layers would be 0. It returns the net.
func filled(net *Net) *Net {
	r := fillBatch(net)
	op.Fill(net.Weights[len(net.Weights)-2].Value().(*tensor.Dense),
		func() float64 { return r.NormFloat64() / 20 })
	return net
}

// machine returns a function that runs the net.
func machine(t testing.TB, net *Net) (run func() float64) {
	t.Helper()
	if _, err := G.Grad(net.Loss, net.Weights...); err != nil {
		t.Fatal(err)
	}
	vm := G.NewTapeMachine(net.Graph, G.BindDualValues(net.Weights...))
	t.Cleanup(func() { vm.Close() })
	return func() float64 {
		vm.Reset()
		if err := vm.RunAll(); err != nil {
			t.Fatal(err)
		}
		return optest.Floats(net.Loss.Value())[0]
	}
}

// gradients returns a copy of the gradients of all weights.
func gradients(t *testing.T, net *Net) (grads [][]float64) {
	t.Helper()
	for _, w := range net.Weights {
		g, err := w.Grad()
		if err != nil {
			t.Fatal(err)
		}
		grads = append(grads, floats(g))
	}
	return grads
}

// TestNetGradients compares the gradients of complete nets with central differences along a
// direction for each weight.
func TestNetGradients(t *testing.T) {
	for name, build := range nets {
		t.Run(name, func(t *testing.T) {
			net := filled(build(tensor.Float64, 1))
			run := machine(t, net)
			run()
			grads := gradients(t, net)
			r := rand.New(rand.NewPCG(5, 6))
			for k, w := range net.Weights {
				xs := w.Value().(*tensor.Dense).Float64s()
				start, direction := slices.Clone(xs), make([]float64, len(xs))
				want, h := 0.0, 1e-6/math.Sqrt(float64(len(xs)))
				for i := range xs {
					direction[i] = r.NormFloat64()
					want += direction[i] * grads[k][i]
				}
				at := func(h float64) float64 {
					for i := range xs {
						xs[i] = start[i] + h*direction[i]
					}
					return run()
				}
				got := (at(h) - at(-h)) / (2 * h)
				copy(xs, start)
				if math.Abs(got-want) > 1e-4*(1+math.Abs(want)) {
					t.Errorf("weight %d of shape %v: derivative %v by gradients, %v by differences",
						k, w.Shape(), want, got)
				}
			}
		})
	}
}

// TestNetProcessors: complete nets have the same bits on any number of processors, and differ from
// float64 by rounding.
func TestNetProcessors(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for name, build := range nets {
		t.Run(name, func(t *testing.T) {
			var want float64
			for _, procs := range []int{1, 3} {
				runtime.GOMAXPROCS(procs)
				net := filled(build(tensor.Float32, 2))
				got := machine(t, net)()
				for _, grad := range gradients(t, net) {
					for i, x := range grad {
						got += x * float64(i%7+1)
					}
				}
				if procs == 1 {
					want = got
				}
				if got != want {
					t.Errorf("%v with GOMAXPROCS %d, %v with 1", got, procs, want)
				}
			}
			narrow, wide := machine(t, filled(build(tensor.Float32, 2)))(),
				machine(t, filled(build(tensor.Float64, 2)))()
			if math.Abs(narrow-wide) > 1e-4*wide {
				t.Errorf("loss %v in float32, %v in float64", narrow, wide)
			}
		})
	}
}

// TestNetMemory: after the first run a net does not allocate tensors.
func TestNetMemory(t *testing.T) {
	for name, build := range nets {
		t.Run(name, func(t *testing.T) {
			run := machine(t, filled(build(tensor.Float32, 8)))
			run()
			run()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			run()
			runtime.ReadMemStats(&after)
			// The smallest activation of these nets has 8·64 elements, and all of them together
			// have 100,000.
			if bytes := after.TotalAlloc - before.TotalAlloc; bytes > 1<<16 {
				t.Errorf("%d bytes allocated in the third run", bytes)
			}
		})
	}
}

// TestResNetEvaluation: a net for evaluation shares weights and statistics, and has nearly the loss
// of the net for training once the statistics have converged to the batch's statistics. The
// variances still differ by a factor of n/(n-1).
func TestResNetEvaluation(t *testing.T) {
	weights, statistics := ResNetWeights(tensor.Float32, 1, rand.New(rand.NewPCG(1, 0)))
	const batch = 8
	train := filled(ResNet(weights, statistics, batch, true))
	run := machine(t, train)
	var want float64
	for range 80 { // 0.9 to this power is 2e-4
		want = run()
		train.Commit()
	}
	evaluation := ResNet(weights, statistics, batch, false)
	copy(evaluation.Input.Value().Data().([]float32), train.Input.Value().Data().([]float32))
	copy(evaluation.Target.Value().Data().([]float32), train.Target.Value().Data().([]float32))
	vm := G.NewTapeMachine(evaluation.Graph)
	defer vm.Close()
	if err := vm.RunAll(); err != nil {
		t.Fatal(err)
	}
	if got := optest.Floats(evaluation.Loss.Value())[0]; math.Abs(got-want) > 0.01*want {
		t.Errorf("loss %v in evaluation, %v in training", got, want)
	}
	if _, err := G.Grad(evaluation.Loss, evaluation.Weights...); err == nil {
		t.Error("a net for evaluation has gradients")
	}
}

// TestResNetRejectedStep: if a weight is NaN, the loss is NaN, so a solver rejects the step.
// Without a Commit the statistics do not change.
func TestResNetRejectedStep(t *testing.T) {
	weights, statistics := ResNetWeights(tensor.Float32, 1, rand.New(rand.NewPCG(1, 0)))
	net := filled(ResNet(weights, statistics, 2, true))
	run := machine(t, net)
	x := &weights[3].Float32s()[5]
	good := *x
	*x = float32(math.NaN())
	if loss := run(); loss == loss {
		t.Errorf("loss %v with a weight that is NaN", loss)
	}
	*x = good
	run()
	for i, s := range net.Statistics {
		if s.Mean[0] != 0 || s.Variance[0] != 1 {
			t.Errorf("statistics %d are changed before a Commit", i)
		}
		if s.Commit(); slices.ContainsFunc(append(slices.Clone(s.Mean), s.Variance...),
			math.IsNaN) {
			t.Errorf("statistics %d are NaN", i)
		}
	}
}
