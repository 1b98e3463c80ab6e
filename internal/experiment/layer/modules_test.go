package layer

import (
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/l4-go/l4/internal/op"
)

// moduleCase is a module of one size, in both dtypes.
type moduleCase struct {
	name string
	in   []int // elements of the inputs
	out  int   // and of the output
	f32  func() op.Module[float32]
	f64  func() op.Module[float64]

	forward bool // the module does not have gradients
}

func newCase[C any](name string, in []int, out int, c func() C, f32 func(C) op.Module[float32],
	f64 func(C) op.Module[float64]) moduleCase {
	return moduleCase{name, in, out, func() op.Module[float32] { return f32(c()) },
		func() op.Module[float64] { return f64(c()) }, false}
}

// moduleCases have sizes that are not multiples of a tile, vector or chunk, and one size that uses
// the fast paths.
func moduleCases() []moduleCase {
	dense := func(s denseSize) moduleCase {
		return newCase("dense", []int{s.batch * s.in, s.in * s.out, s.out}, s.batch*s.out,
			func() denseSize { return s },
			newDense[float32], newDense[float64])
	}
	convPool := func(s convSize) moduleCase {
		pooled := s.height / 2 * (s.width / 2) * s.out
		return newCase("conv and pool", []int{s.batch * s.inSize(), s.weights(), s.out},
			s.batch*pooled,
			func() convSize { return s }, newConvPool[float32], newConvPool[float64])
	}
	convNorm := func(s convSize, training bool) moduleCase {
		return newCase("conv and norm", []int{s.batch * s.inSize(), s.weights(), s.out, s.out},
			s.batch*s.outSize(),
			func() convNormConfig {
				n := BatchNorm{Statistics: NewStatistics(s.out), Training: training}
				return convNormConfig{s, n}
			}, newConvNorm[float32], newConvNorm[float64])
	}
	residual := func(s convSize, training bool) moduleCase {
		second := s.second()
		return newCase("residual", []int{s.batch * s.inSize(), s.weights(), s.out, s.out,
			second.weights(), s.out, s.out},
			s.batch*s.outSize(), func() residualConfig {
				return residualConfig{s, second, NewStatistics(s.out), NewStatistics(s.out),
					training}
			}, newResidual[float32], newResidual[float64])
	}
	mean := newCase("mean", []int{3 * 5 * 4 * 7}, 3*7, func() []int { return []int{3, 5, 4, 7} },
		func(s []int) op.Module[float32] { return newMean[float32](s) },
		func(s []int) op.Module[float64] { return newMean[float64](s) })
	dropout := newCase("dropout", []int{100}, 100,
		func() op.Dropout {
			return op.Dropout{Size: 100, Probability: 0.3, Source: rand.NewPCG(1, 2)}
		},
		op.NewDropout[float32], op.NewDropout[float64])
	evaluation := func(c moduleCase) moduleCase {
		c.name, c.forward = c.name+" in evaluation", true
		return c
	}
	return []moduleCase{
		dense(denseSize{11, 405, 71, true}), dense(denseSize{1, 3, 2, false}),
		dense(denseSize{64, 32, 48, true}),
		convPool(convSize{11, 7, 5, 3, 18, 3, 1}), convPool(convSize{9, 8, 8, 16, 32, 5, 1}),
		convNorm(convSize{9, 7, 5, 3, 9, 3, 2}, true),
		convNorm(convSize{9, 8, 8, 3, 16, 3, 1}, true),
		evaluation(convNorm(convSize{9, 7, 5, 3, 9, 3, 2}, false)),
		residual(convSize{9, 7, 5, 5, 5, 3, 1}, true),
		residual(convSize{11, 6, 7, 3, 10, 3, 2}, true),
		residual(convSize{9, 8, 8, 16, 32, 3, 2}, true),
		residual(convSize{9, 8, 8, 16, 16, 3, 1}, true),
		evaluation(residual(convSize{11, 6, 7, 3, 10, 3, 2}, false)),
		mean, dropout,
	}
}

// inputs returns random inputs with a standard normal distribution.
func inputs[T op.Float](c *moduleCase) (in [][]T, dout []T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, n := range append(slices.Clone(c.in), c.out) {
		xs := make([]T, n)
		for i := range xs {
			xs[i] = T(float32(r.NormFloat64()))
		}
		in = append(in, xs)
	}
	return in[:len(c.in)], in[len(c.in)]
}

// results returns the output and then the gradients. The module writes them to memory that contains
// NaN.
func results[T op.Float](c *moduleCase, m op.Module[T], in [][]T, dout []T) [][]T {
	var all [][]T
	for _, n := range append([]int{c.out}, c.in...) {
		all = append(all, slices.Repeat([]T{T(math.NaN())}, n))
	}
	m.Forward(all[0], in)
	if c.forward {
		return all[:1]
	}
	m.Backward(all[1:], in, all[0], dout)
	return all
}

func TestModuleSameBits(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, c := range moduleCases() {
		t.Run(c.name, func(t *testing.T) {
			sameBits(t, &c, c.f32)
			sameBits(t, &c, c.f64)
		})
	}
}

// sameBits checks that a module computes the same bits on any number of processors, also if it was
// created with fewer processors.
func sameBits[T op.Float](t *testing.T, c *moduleCase, create func() op.Module[T]) {
	in, dout := inputs[T](c)
	var want [][]T
	for _, procs := range []int{1, 2, 3, 16} {
		runtime.GOMAXPROCS(procs)
		got := results(c, create(), in, dout)
		if want == nil {
			want = got
		}
		for k := range want {
			if !slices.Equal(got[k], want[k]) {
				t.Errorf("result %d changes with GOMAXPROCS %d, or is NaN", k, procs)
			}
		}
	}
	if c.name == "dropout" {
		return // draws anew
	}
	runtime.GOMAXPROCS(1)
	m := create()
	for _, procs := range []int{1, 4} {
		runtime.GOMAXPROCS(procs)
		for k, got := range results(c, m, in, dout) {
			if !slices.Equal(got, want[k]) {
				t.Errorf("result %d changes from run to run", k)
			}
		}
	}
}

// TestModuleDtypes: float32 and float64 differ only by rounding, and a module does not write to its
// inputs.
func TestModuleDtypes(t *testing.T) {
	for _, c := range moduleCases() {
		t.Run(c.name, func(t *testing.T) {
			in32, dout32 := inputs[float32](&c)
			in64, dout64 := inputs[float64](&c)
			narrow, wide := results(&c, c.f32(), in32, dout32), results(&c, c.f64(), in64, dout64)
			for k := range wide {
				largest := 0.0
				for _, x := range wide[k] {
					largest = max(largest, math.Abs(x))
				}
				for i, x := range wide[k] {
					if !(math.Abs(float64(narrow[k][i])-x) <= 1e-5*largest) {
						t.Fatalf("result %d, element %d: %v in float32, %v in float64", k, i,
							narrow[k][i], x)
					}
				}
			}
			again, dagain := inputs[float32](&c)
			for i := range again {
				if !slices.Equal(again[i], in32[i]) {
					t.Errorf("the module writes to input %d", i)
				}
			}
			if !slices.Equal(dagain, dout32) {
				t.Error("the module writes to the gradient of the output")
			}
		})
	}
}

// TestModuleNotFinite: NaN in any one input makes an element of the output NaN, and so does Inf
// among positive numbers, unless a fixed scale turns it to -Inf, which is rectified. NaN in the
// gradient of an output above 0 makes an element of each gradient NaN.
func TestModuleNotFinite(t *testing.T) {
	finite := func(xs []float32) bool {
		return !slices.ContainsFunc(xs, func(x float32) bool { return x-x != 0 })
	}
	for _, c := range moduleCases() {
		t.Run(c.name, func(t *testing.T) {
			for k := range c.in {
				in, dout := inputs[float32](&c)
				in[k][len(in[k])/2] = float32(math.NaN())
				if finite(results(&c, c.f32(), in, dout)[0]) {
					t.Errorf("NaN in input %d does not reach the output", k)
				}
				for i := range in {
					for j, x := range in[i] {
						in[i][j] = float32(math.Abs(float64(x)))
					}
				}
				in[k][len(in[k])/2] = float32(math.Inf(1))
				if !c.forward && finite(results(&c, c.f32(), in, dout)[0]) {
					t.Errorf("Inf in input %d does not reach the output", k)
				}
			}
			if c.forward {
				return
			}
			in, dout := inputs[float32](&c)
			out := results(&c, c.f32(), in, dout)[0]
			dout[slices.IndexFunc(out, func(y float32) bool { return y > 0 })] = float32(math.NaN())
			for k, grad := range results(&c, c.f32(), in, dout)[1:] {
				if finite(grad) {
					t.Errorf("NaN in the output's gradient does not reach input %d's gradient", k)
				}
			}
		})
	}
}

// TestModuleMemory: after the first run a module does not allocate tensors.
func TestModuleMemory(t *testing.T) {
	c := newCase("residual", []int{32 * 32 * 32 * 16, 9 * 16 * 32, 32, 32, 9 * 32 * 32, 32, 32},
		32*16*16*32,
		func() residualConfig {
			return residualConfig{convSize{32, 32, 32, 16, 32, 3, 2},
				convSize{32, 16, 16, 32, 32, 3, 1},
				NewStatistics(32), NewStatistics(32), true}
		}, newResidual[float32], newResidual[float64])
	in, dout := inputs[float32](&c)
	m, all := c.f32(), results(&c, c.f32(), in, dout)
	run := func() {
		m.Forward(all[0], in)
		m.Backward(all[1:], in, all[0], dout)
	}
	run()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	run()
	runtime.ReadMemStats(&after)
	if bytes := after.TotalAlloc - before.TotalAlloc; bytes > 1<<14 {
		t.Errorf("%d bytes allocated in the second run", bytes)
	}
}
