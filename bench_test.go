package l4_test

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
)

// mnistShapes has the shapes of the parameters of the 784-300-100-10 perceptron: 266,610
// parameters.
var mnistShapes = [][]int{{784, 300}, {300}, {300, 100}, {100}, {100, 10}, {10}}

func benchModel(dt tensor.Dtype, shapes ...[]int) []gorgonia.ValueGrad {
	var model []gorgonia.ValueGrad
	for i, shape := range shapes {
		p := newParam(
			fmt.Sprint("w", i),
			dt,
			shape,
			make([]float64, tensor.Shape(shape).TotalSize()),
		)
		i := 0
		eachNumber(p.w, func(x *float64) { *x = float64(i%1009-504) * 1e-3; i++ })
		model = append(model, p)
	}
	return model
}

// benchmarkStep times steps. Each step has a nonzero gradient, which is set while the clock is
// stopped: if gradients stay zero, their averages become subnormal numbers, which are slow.
func benchmarkStep(b *testing.B, s gorgonia.Solver, model []gorgonia.ValueGrad) {
	n, grads := 0, make([]*tensor.Dense, len(model))
	for i, p := range model {
		grads[i] = p.Value().(*tensor.Dense).Clone().(*tensor.Dense)
		n += grads[i].Shape().TotalSize()
	}
	step := func() time.Duration {
		for i, p := range model {
			if err := tensor.Copy(p.(*param).g.(*tensor.Dense), grads[i]); err != nil {
				b.Fatal(err)
			}
		}
		start := time.Now()
		if err := s.Step(model); err != nil {
			b.Fatal(err)
		}
		return time.Since(start)
	}
	for range 3 { // the first allocates
		step()
	}
	b.ReportAllocs()
	var elapsed time.Duration
	for b.Loop() {
		elapsed += step()
	}
	ns := float64(elapsed.Nanoseconds()) / float64(b.N)
	b.ReportMetric(ns, "ns/op")
	b.ReportMetric(ns/float64(n), "ns/param")
}

var benchSolvers = []struct {
	name string
	make func(loss gorgonia.Valuer) gorgonia.Solver
}{
	{"L4Adam", func(loss gorgonia.Valuer) gorgonia.Solver { return l4.NewL4Adam(loss) }},
	{"L4Mom", func(loss gorgonia.Valuer) gorgonia.Solver { return l4.NewL4Mom(loss) }},
	{
		"L4Adam without bound",
		func(loss gorgonia.Valuer) gorgonia.Solver { return l4.NewL4Adam(loss, l4.WithoutBound()) },
	},
	{
		"L4Mom without bound",
		func(loss gorgonia.Valuer) gorgonia.Solver { return l4.NewL4Mom(loss, l4.WithoutBound()) },
	},
	{
		"L4 over gorgonia.Adam",
		func(loss gorgonia.Valuer) gorgonia.Solver {
			return l4.New(loss, gorgonia.NewAdamSolver())
		},
	},
	{"gorgonia.Adam", func(gorgonia.Valuer) gorgonia.Solver { return gorgonia.NewAdamSolver() }},
	{"gorgonia.Momentum", func(gorgonia.Valuer) gorgonia.Solver { return gorgonia.NewMomentum() }},
}

// BenchmarkStep times one step on the parameters of the MNIST perceptron.
func BenchmarkStep(b *testing.B) {
	for _, dt := range dtypes {
		for _, s := range benchSolvers {
			b.Run(fmt.Sprintf("%v/%s", dt, s.name), func(b *testing.B) {
				benchmarkStep(b, s.make(valuer{gorgonia.NewF64(1)}), benchModel(dt, mnistShapes...))
			})
		}
	}
}

// BenchmarkInner times one step of Gorgonia's solvers alone, of L4 with these solvers inside, and
// of L4Mom, on the parameters of the MNIST perceptron. L4 gives Gorgonia's solvers float64 copies,
// so alone they also step float64. The difference is the time that L4 adds.
func BenchmarkInner(b *testing.B) {
	loss := valuer{gorgonia.NewF64(1)}
	for _, dt := range dtypes {
		run := func(name string, dt tensor.Dtype, s gorgonia.Solver) {
			b.Run(name, func(b *testing.B) { benchmarkStep(b, s, benchModel(dt, mnistShapes...)) })
		}
		run(fmt.Sprintf("%v/L4Mom", dt), dt, l4.NewL4Mom(loss))
		for _, name := range []string{"vanilla", "momentum", "rmsprop", "adam"} {
			run(fmt.Sprintf("%v/%s/alone", dt, name), tensor.Float64, inners[name](1e-3))
			run(fmt.Sprintf("%v/%s/L4", dt, name), dt, l4.New(loss, inners[name](1e-3)))
		}
	}
}

// BenchmarkStepLarge times one step on a tensor of 2²⁵ elements, which does not fit into any cache.
func BenchmarkStepLarge(b *testing.B) {
	for _, dt := range dtypes {
		for _, s := range benchSolvers[:4] {
			b.Run(fmt.Sprintf("%v/%s", dt, s.name), func(b *testing.B) {
				benchmarkStep(b, s.make(valuer{gorgonia.NewF64(1)}), benchModel(dt, []int{1 << 25}))
			})
		}
	}
}

// BenchmarkCopyLarge times a copy, on all cores, of the bytes that a step on 2²⁵ elements must
// move. A step reads the gradient once to check it; it reads and writes gradient, mean and (L4Adam)
// square; it reads and writes weight and direction. A copy reads half of the bytes that it moves
// and writes the other half.
func BenchmarkCopyLarge(b *testing.B) {
	const n = 1 << 25
	for _, c := range []struct {
		name  string
		words int
	}{{"float32/L4Adam", 11}, {"float32/L4Mom", 9}, {"float64/L4Adam", 22}, {"float64/L4Mom", 18}} {
		b.Run(c.name, func(b *testing.B) {
			src, dst := make([]float32, n), make([]float32, n)
			procs := runtime.GOMAXPROCS(0)
			move := func(elements int) {
				var done sync.WaitGroup
				for p := range procs {
					done.Add(1)
					go func() {
						defer done.Done()
						lo, hi := p*elements/procs, (p+1)*elements/procs
						copy(dst[lo:hi], src[lo:hi])
					}()
				}
				done.Wait()
			}
			move(n)
			for b.Loop() {
				for left := c.words; left > 0; left -= 2 {
					move(min(left, 2) * n / 2)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/param")
		})
	}
}

// BenchmarkStepTiny times one step on many small tensors, and on one tensor with as many elements.
func BenchmarkStepTiny(b *testing.B) {
	tiny := make([][]int, 2000)
	for i := range tiny {
		tiny[i] = []int{64}
	}
	for _, s := range benchSolvers[:4] {
		b.Run(s.name+"/2000x64", func(b *testing.B) {
			benchmarkStep(
				b,
				s.make(valuer{gorgonia.NewF64(1)}),
				benchModel(tensor.Float32, tiny...),
			)
		})
		b.Run(s.name+"/1x128000", func(b *testing.B) {
			benchmarkStep(
				b,
				s.make(valuer{gorgonia.NewF64(1)}),
				benchModel(tensor.Float32, []int{128000}),
			)
		})
	}
}
