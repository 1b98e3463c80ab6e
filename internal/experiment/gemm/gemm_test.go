package gemm

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/blas"
)

// kernels returns the kernels that this processor can run.
func kernels[T Float]() map[string]Kernel[T] {
	all := map[string]Kernel[T]{"scalar": scalar[T]{}}
	for _, k := range assembly {
		if kernel, ok := k.(Kernel[T]); ok {
			all[strings.TrimPrefix(fmt.Sprintf("%T", k), "gemm.")] = kernel
		}
	}
	return all
}

func normals[T Float](r *rand.Rand, n int) []T {
	xs := make([]T, n)
	for i := range xs {
		xs[i] = T(r.NormFloat64())
	}
	return xs
}

// randomProduct returns a product with random strides: 0, 1, and strides for which rows overlap or
// have gaps.
func randomProduct(r *rand.Rand) Product {
	p := Product{Rows: 1 + r.IntN(40), Cols: 1 + r.IntN(Cols), Outer: 1 + r.IntN(4),
		Inner: 1 + r.IntN(9), Rectify: r.IntN(2) == 0}
	if r.IntN(2) == 0 {
		p.Cols = Cols
	}
	p.AI, p.AJ, p.AK = r.IntN(30), r.IntN(30), r.IntN(3)
	p.BJ, p.BK = r.IntN(200), Cols+r.IntN(20)
	p.InitI, p.CI = (p.Cols+r.IntN(9))*r.IntN(2), p.Cols+r.IntN(9)
	return p
}

// operands returns operands of exactly the required lengths.
func operands[T Float](p Product, r *rand.Rand) (a, b, init, c []T) {
	a = normals[T](r, (p.Rows-1)*p.AI+(p.Outer-1)*p.AJ+(p.Inner-1)*p.AK+1)
	b = normals[T](r, (p.Outer-1)*p.BJ+(p.Inner-1)*p.BK+Cols)
	init = normals[T](r, (p.Rows-1)*p.InitI+p.Cols)
	c = normals[T](r, (p.Rows-1)*p.CI+p.Cols)
	return
}

func testMultiply[T Float](t *testing.T, k Kernel[T], tolerance float64) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		p := randomProduct(r)
		a, b, init, c := operands[T](p, r)
		inPlace := r.IntN(2) == 0
		if inPlace {
			p.InitI = p.CI
			init = c
		}
		want := make([]float64, len(c))
		for i, x := range c {
			want[i] = float64(x) // what lies between the rows is to stay
		}
		for i := range p.Rows {
			for o := range p.Cols {
				s := float64(init[i*p.InitI+o])
				for j := range p.Outer {
					for k := range p.Inner {
						s += float64(a[i*p.AI+j*p.AJ+k*p.AK]) * float64(b[j*p.BJ+k*p.BK+o])
					}
				}
				if p.Rectify {
					s = max(0, s)
				}
				want[i*p.CI+o] = s
			}
		}
		k.Multiply(p, a, b, init, c)
		for i := range c {
			if math.Abs(float64(c[i])-want[i]) > tolerance {
				t.Fatalf("%+v, in place %v: element %d is %v, want %v", p, inPlace, i, c[i],
					want[i])
			}
		}
	}
}

func TestMultiply(t *testing.T) {
	for name, k := range kernels[float32]() {
		t.Run(name, func(t *testing.T) { testMultiply(t, k, 2e-5) })
	}
	for name, k := range kernels[float64]() {
		t.Run(name+" float64", func(t *testing.T) { testMultiply(t, k, 1e-13) })
	}
}

// testMultiplyPacked compares with General. The tolerance is for 8 roundings of numbers below 30.
func testMultiplyPacked[T Float](t *testing.T, k Kernel[T], tolerance float64) {
	r := rand.New(rand.NewPCG(1, 2))
	const rows, inner = 5, 7
	for _, cols := range []int{1, Cols - 1, Cols, Cols + 1, 3 * Cols} {
		a, b, init := normals[T](r, rows*inner), normals[T](r, inner*cols), normals[T](r, cols)
		got, panels := make([]T, rows*cols), make([]T, inner*RoundUp(cols))
		Pack(panels, b, inner, cols, cols)
		p := Product{Rows: rows, Cols: cols, Inner: inner, AI: inner, AK: 1, CI: cols}
		MultiplyPacked(k, p, a, panels, init, got)
		want := slices.Repeat(init, rows)
		General(blas.NoTrans, blas.NoTrans, rows, cols, inner, 1, a, inner, b, cols, 1, want, cols)
		for i, x := range got {
			if d := float64(x - want[i]); !(math.Abs(d) <= tolerance) {
				t.Errorf("%d columns: element %d is %v, want %v", cols, i, x, want[i])
			}
		}
	}
}

func TestMultiplyPacked(t *testing.T) {
	for _, k := range kernels[float32]() {
		testMultiplyPacked(t, k, 3e-5)
	}
	for _, k := range kernels[float64]() {
		testMultiplyPacked(t, k, 1e-13)
	}
}

// TestAssemblyAgrees: all float32 kernels in assembly compute the same bits.
func TestAssemblyAgrees(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 500 {
		p := randomProduct(r)
		a, b, init, c := operands[float32](p, r)
		want := slices.Clone(c)
		Of[float32]().Multiply(p, a, b, init, want)
		for name, k := range kernels[float32]() {
			got := slices.Clone(c)
			k.Multiply(p, a, b, init, got)
			if name != "scalar" && !slices.Equal(got, want) {
				t.Fatalf("%+v: the bits of %s differ from the fastest kernel's", p, name)
			}
		}
	}
}

// TestMultiplyPanics: Multiply panics before it writes if a slice is too short by one element.
func TestMultiplyPanics(t *testing.T) {
	t.Run("float32", testMultiplyPanics[float32])
	t.Run("float64", testMultiplyPanics[float64])
}

func testMultiplyPanics[T Float](t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for name, k := range kernels[T]() {
		for range 50 {
			p := randomProduct(r)
			for short := range 4 {
				a, b, init, c := operands[T](p, r)
				x := []*[]T{&a, &b, &init, &c}[short]
				*x = slices.Clip((*x)[:len(*x)-1])
				before := slices.Clone(c)
				func() {
					defer func() {
						if recover() == nil {
							t.Errorf("%s: %+v: no panic for operand %d too short", name, p, short)
						}
					}()
					k.Multiply(p, a, b, init, c)
				}()
				if !slices.Equal(c, before) {
					t.Errorf("%s: %+v: Multiply wrote before the panic", name, p)
				}
			}
		}
	}
}

// TestMultiplySpecial: NaN and Inf in one row or column of an operand reach exactly the results
// that depend on them.
func TestMultiplySpecial(t *testing.T) {
	t.Run("float32", testMultiplySpecial[float32])
	t.Run("float64", testMultiplySpecial[float64])
}

func testMultiplySpecial[T Float](t *testing.T) {
	nan, inf := T(math.NaN()), T(math.Inf(1))
	for name, k := range kernels[T]() {
		for rows := 1; rows <= 13; rows++ {
			for _, cols := range []int{16, 5} {
				p := Product{Rows: rows, Cols: cols, Outer: 1, Inner: 3, AI: 3, AK: 1, BK: Cols,
					InitI: cols, CI: cols, Rectify: true}
				a, b := make([]T, 3*rows), make([]T, 3*Cols)
				init, c := make([]T, rows*cols), make([]T, rows*cols)
				a[3*(rows-1)] = nan
				init[(rows-1)/2*cols] = inf
				b[2*Cols+1] = nan
				k.Multiply(p, a, b, init, c)
				for i := range rows {
					for o := range cols {
						x := c[i*cols+o]
						switch {
						case i == rows-1 || o == 1:
							if x == x {
								t.Errorf("%s, %d rows: (%d, %d) is %v, want NaN", name, rows, i, o,
									x)
							}
						case i == (rows-1)/2 && o == 0:
							if x != inf {
								t.Errorf("%s, %d rows: (%d, %d) is %v, want Inf", name, rows, i, o,
									x)
							}
						case x != 0:
							t.Errorf("%s, %d rows: (%d, %d) is %v, want 0", name, rows, i, o, x)
						}
					}
				}
			}
		}
	}
}

// pass is a pass of a kernel, as a function of slices of float32. The slices that it writes come
// first.
type pass struct {
	name        string
	writes, all int
	run         func(k Kernel[float32], x [][]float32)
}

var passes = []pass{
	{"Add", 1, 2, func(k Kernel[float32], x [][]float32) { k.Add(x[0], x[1]) }},
	{"AddSquares", 1, 3, func(k Kernel[float32], x [][]float32) { k.AddSquares(x[0], x[1], x[2]) }},
	{"Normalize", 1, 5, func(k Kernel[float32], x [][]float32) {
		k.Normalize(x[0], x[1], x[2], x[3], x[4])
	}},
	{"Mask", 3, 7, func(k Kernel[float32], x [][]float32) {
		k.Mask(x[0], x[3], x[4], x[5], x[6], x[1], x[2])
	}},
	{"Mask in place", 3, 6, func(k Kernel[float32], x [][]float32) {
		k.Mask(x[0], x[0], x[3], x[4], x[5], x[1], x[2])
	}},
	{"Combine", 1, 6, func(k Kernel[float32], x [][]float32) {
		k.Combine(x[0], x[1], x[2], x[3], x[4], x[5])
	}},
	{"Pool", 2, 6, func(k Kernel[float32], x [][]float32) {
		at := make([]uint8, len(x[0]))
		k.Pool(x[0], at, [4][]float32(x[2:]))
		for i, n := range at {
			x[1][i] = float32(n)
		}
	}},
	{"Unpool", 4, 6, func(k Kernel[float32], x [][]float32) {
		at := make([]uint8, len(x[0]))
		for i, v := range x[5] {
			at[i] = uint8(min(4, math.Abs(float64(v))*2))
		}
		k.Unpool([4][]float32(x), x[4], at)
	}},
}

// TestPasses compares the passes of all kernels at all lengths, also with NaN and Inf.
func TestPasses(t *testing.T) {
	special := []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), 0,
		float32(math.Copysign(0, -1))}
	for _, p := range passes {
		for _, share := range []float64{0, 0.2} {
			t.Run(fmt.Sprint(p.name, share), func(t *testing.T) {
				r := rand.New(rand.NewPCG(5, 6))
				for n := range 70 {
					x, y := make([][]float32, p.all), make([][]float32, p.all)
					for i := range x {
						x[i] = normals[float32](r, n)
						for j := range x[i] {
							if r.Float64() < share && (p.name != "Unpool" || i != 5) {
								x[i][j] = special[r.IntN(len(special))]
							}
						}
						y[i] = slices.Clone(x[i])
					}
					p.run(scalar[float32]{}, x)
					p.run(Of[float32](), y)
					for i := range x {
						for j, want := range x[i] {
							got := y[i][j]
							if got == want || got != got && want != want {
								continue
							}
							if i >= p.writes || !(math.Abs(float64(got-want)) <= 1e-5) {
								t.Fatalf("%d elements: slice %d, element %d is %v, want %v", n, i,
									j, got, want)
							}
						}
					}
				}
			})
		}
	}
}

// TestPool: the output is the largest input, NaN if an input is NaN, and 0 if all inputs are
// at most 0.
// The gradient goes to the chosen input.
func TestPool(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, c := range []struct {
		in   [4]float32
		want float32
		at   uint8
	}{
		{[4]float32{1, 2, 3, 4}, 4, 3}, {[4]float32{4, 3, 2, 1}, 4, 0},
		{[4]float32{-1, 2, -3, 2}, 2, 1},
		{[4]float32{-1, -2, -3, -4}, 0, 4}, {[4]float32{0, 0, 0, 0}, 0, 4},
		{[4]float32{1, -inf, inf, 5}, inf, 2},
		{[4]float32{nan, 1, 2, inf}, nan, 0}, {[4]float32{1, 2, nan, 7}, nan, 2},
		{[4]float32{-1, -2, -3, nan}, nan, 3},
	} {
		for name, k := range kernels[float32]() {
			const n = 11 // a vector and a rest
			var in, back [4][]float32
			for i := range in {
				in[i], back[i] = slices.Repeat([]float32{c.in[i]}, n), make([]float32, n)
			}
			out, at := make([]float32, n), make([]uint8, n)
			k.Pool(out, at, in)
			k.Unpool(back, slices.Repeat([]float32{7}, n), at)
			for j := range n {
				if out[j] != c.want && (c.want == c.want || out[j] == out[j]) || at[j] != c.at {
					t.Errorf("%s: element %d of %v: %v at %d, want %v at %d", name, j, c.in,
						out[j], at[j], c.want, c.at)
				}
				for i := range back {
					want := float32(0)
					if i == int(c.at) {
						want = 7
					}
					if back[i][j] != want {
						t.Errorf("%s: gradient %v of input %d of %v", name, back[i][j], i, c.in)
					}
				}
			}
		}
	}
}

func BenchmarkMultiply(b *testing.B) {
	const rows, inner = 32, 288
	p := Product{Rows: rows, Cols: Cols, Outer: 1, Inner: inner, AI: 32, AK: 1, BK: Cols,
		InitI: Cols, CI: Cols}
	r := rand.New(rand.NewPCG(1, 2))
	x, y, init, c := operands[float32](p, r)
	for name, k := range kernels[float32]() {
		b.Run(name, func(b *testing.B) {
			for range b.N {
				k.Multiply(p, x, y, init, c)
			}
			b.ReportMetric(2*rows*Cols*inner*float64(b.N)/float64(b.Elapsed().Nanoseconds()),
				"GFLOPS")
		})
	}
}
