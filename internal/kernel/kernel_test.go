package kernel

import (
	"encoding/binary"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
	"unsafe"
)

// guard stands before and after every slice a pass may write, to show that it writes nowhere else.
const guard = -12345.5

// wild returns numbers of every kind: zeros, denormals, tiny, ordinary and huge ones of both signs, and,
// if extreme, what is not finite.
func wild[T Float](r *rand.Rand, extreme bool) T {
	var zero T
	tiny, huge := 1e-43, 1e18
	if unsafe.Sizeof(zero) == 8 {
		tiny, huge = 5e-322, 1e150
	}
	x := r.NormFloat64()
	switch r.IntN(8) {
	case 0:
		x = 0
	case 1:
		x *= tiny
	case 2:
		x *= math.Sqrt(tiny)
	case 3:
		x *= huge
	case 4:
		if extreme {
			x = []float64{math.Inf(1), math.Inf(-1), math.NaN(), math.Copysign(0, -1), math.MaxFloat64}[r.IntN(5)]
		}
	}
	return T(x)
}

// padded is a slice x that begins offset+1 elements into its allocation, with guards around it.
type padded[T Float] struct {
	all, x []T
	offset int
}

func newPadded[T Float](n, offset int, fill func() T) padded[T] {
	p := padded[T]{all: make([]T, offset+n+9), offset: offset}
	for i := range p.all {
		p.all[i] = guard
	}
	p.x = p.all[offset+1 : offset+1+n]
	for i := range p.x {
		p.x[i] = fill()
	}
	return p
}

func (p padded[T]) clone() padded[T] {
	all := append([]T{}, p.all...)
	return padded[T]{all, all[p.offset+1 : p.offset+1+len(p.x)], p.offset}
}

func bitsEqual[T Float](a, b T) bool {
	return a != a && b != b || a == b && math.Signbit(float64(a)) == math.Signbit(float64(b))
}

func (p padded[T]) compare(t *testing.T, name string, want padded[T]) {
	t.Helper()
	for i := range p.all {
		if !bitsEqual(p.all[i], want.all[i]) {
			t.Fatalf("%s: position %d of %d: %v, reference %v", name, i-p.offset-1, len(p.x), p.all[i], want.all[i])
		}
	}
}

func coefficients[T Float](step float64) *Coefficients[T] {
	decay := func(tau float64) Decay[T] {
		beta := 1 - 1/tau
		return Decay[T]{T(beta), T(1 / tau), T(1 / (1 - math.Pow(beta, step)))}
	}
	return &Coefficients[T]{Mean: decay(10), Square: decay(1000), Grad: decay(3), Epsilon: 1e-4, Last: T(1 / (1 - math.Pow(0.9, step-1)))}
}

// comparePasses runs every pass of fast and of the scalar reference on the same numbers. The two must agree
// to the bit.
func comparePasses[T Float](t *testing.T, fast Passes[T], n, offset int, next func() T, eta, limit T) {
	t.Helper()
	slow := scalar[T]{}
	random := func() padded[T] { return newPadded(n, offset, next) }

	w, g := random(), random()
	if got, want := fast.Bounded(g.x, limit), slow.Bounded(g.x, limit); got != want {
		t.Fatalf("Bounded(%v, %v) = %v, reference %v", g.x, limit, got, want)
	}
	w2, g2 := w.clone(), g.clone()
	fast.Update(w.x, g.x, eta)
	slow.Update(w2.x, g2.x, eta)
	w.compare(t, "Update: w", w2)
	g.compare(t, "Update: v", g2)

	for _, kind := range []struct {
		name                string
		square, grad, slope bool
	}{
		{"momentum", false, false, false}, {"momentumGrad", false, true, false}, {"adam", true, false, false}, {"adamGrad", true, true, false},
		{"momentum", false, false, true}, {"momentumGrad", false, true, true}, {"adam", true, false, true}, {"adamGrad", true, true, true},
	} {
		g, mean, square, grad := random(), random(), random(), random()
		g2, mean2, square2, grad2 := g.clone(), mean.clone(), square.clone(), grad.clone()
		a, a2 := Averages[T]{Mean: mean.x}, Averages[T]{Mean: mean2.x}
		if kind.square {
			a.Square, a2.Square = square.x, square2.x
		}
		if kind.grad {
			a.Grad, a2.Grad = grad.x, grad2.x
		}
		c := coefficients[T](7)
		if kind.slope {
			kind.name += " with slope"
			got, gotSlope := fast.DirectSlope(g.x, &a, 0, c)
			want, wantSlope := slow.DirectSlope(g2.x, &a2, 0, c)
			if !bitsEqual(got, want) || !bitsEqual(gotSlope, wantSlope) {
				t.Fatalf("%s, n %d: inner products %v and %v, reference %v and %v", kind.name, n, got, gotSlope, want, wantSlope)
			}
		} else if got, want := fast.Direct(g.x, &a, 0, c), slow.Direct(g2.x, &a2, 0, c); !bitsEqual(got, want) {
			t.Fatalf("%s, n %d: inner product %v, reference %v", kind.name, n, got, want)
		}
		g.compare(t, kind.name+": v", g2)
		mean.compare(t, kind.name+": mean", mean2)
		square.compare(t, kind.name+": square", square2)
		grad.compare(t, kind.name+": grad", grad2)
	}
}

func testLengthsAndAlignments[T Float](t *testing.T, fast Passes[T], limit T) {
	r := rand.New(rand.NewPCG(1, 2))
	for n := 0; n <= 200; n++ {
		for offset := range 8 {
			extreme := offset%2 == 1
			comparePasses(t, fast, n, offset, func() T { return wild[T](r, extreme) }, T(r.NormFloat64()), limit)
		}
	}
}

func TestPassesAgree(t *testing.T) {
	t.Run("float32", func(t *testing.T) { testLengthsAndAlignments(t, Float32, 1e19) })
	t.Run("float64", func(t *testing.T) { testLengthsAndAlignments(t, Float64, 1e154) })
}

func testBoundedFinds[T Float](t *testing.T, p Passes[T]) {
	for n := 1; n <= 70; n++ {
		for i := range n {
			g := make([]T, n)
			g[n-1-i] = -2 // at the limit is within it
			if !p.Bounded(g, 2) {
				t.Fatalf("n %d: clean slice refused", n)
			}
			for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), 2.5, -2.5} {
				g[i] = T(bad)
				if p.Bounded(g, 2) {
					t.Fatalf("n %d: %v at %d passed", n, bad, i)
				}
			}
		}
	}
}

func TestBoundedFindsEveryPosition(t *testing.T) {
	t.Run("float32", func(t *testing.T) { testBoundedFinds(t, Float32) })
	t.Run("float64", func(t *testing.T) { testBoundedFinds(t, Float64) })
}

func TestCompensatedSum(t *testing.T) {
	for _, c := range []struct {
		xs   []float64
		want float64
	}{
		{nil, 0}, {[]float64{3}, 3}, {[]float64{1, 1e100, 1, -1e100}, 2}, {[]float64{1e100, 1, -1e100}, 1},
		{[]float64{1, math.Inf(1)}, math.Inf(1)}, {[]float64{math.Inf(-1), 1}, math.Inf(-1)},
	} {
		if got := compensatedSum(c.xs); got != c.want {
			t.Errorf("sum of %v is %v, want %v", c.xs, got, c.want)
		}
	}
}

func testFlush[T Float](t *testing.T) {
	tiny := Tiny[T]()
	for _, c := range [][2]T{{tiny, tiny}, {-tiny, -tiny}, {tiny / 2, 0}, {-tiny / 4, 0}, {1, 1}, {0, 0}} {
		a := Averages[T]{Mean: []T{tiny / 2, c[0], tiny / 2}, Square: []T{tiny / 2, c[0], tiny / 2}}
		a.Flush(1, 2)
		for _, x := range [][]T{a.Mean, a.Square} {
			if x[0] == 0 || x[1] != c[1] || x[2] == 0 {
				t.Errorf("%v becomes %v, beside %v and %v", c[0], x[1], x[0], x[2])
			}
		}
	}
}

func TestFlush(t *testing.T) {
	t.Run("float32", testFlush[float32])
	t.Run("float64", testFlush[float64])
}

func FuzzPassesAgree(f *testing.F) {
	f.Add([]byte("some bytes to read numbers from, a few vectors long at the least"), uint8(3))
	f.Add(make([]byte, 300), uint8(0))
	f.Fuzz(func(t *testing.T, data []byte, offset uint8) {
		at := 0
		word := func(size int) uint64 {
			var b [8]byte
			for i := range size {
				if len(data) > 0 {
					b[i] = data[at%len(data)] + byte(at/len(data))
				}
				at++
			}
			return binary.LittleEndian.Uint64(b[:])
		}
		n := len(data) / 4 % 512
		next32 := func() float32 { return math.Float32frombits(uint32(word(4))) }
		next64 := func() float64 { return math.Float64frombits(word(8)) }
		comparePasses(t, Float32, n, int(offset%16), next32, next32(), next32())
		comparePasses(t, Float64, n, int(offset%16), next64, next64(), next64())
	})
}

func testSumAccuracy[T Float](t *testing.T, p Passes[T], tolerance float64) {
	const n = 1 << 25
	g := make([]T, n)
	r := rand.New(rand.NewPCG(3, 4))
	for i := range g {
		g[i] = T(r.ExpFloat64() * 1e-3)
	}
	exact := new(big.Float).SetPrec(200)
	for i := 0; i < n; i += 1024 {
		hi, lo := 0.0, 0.0 // a sum of 1024 squares, the rounding errors apart
		for _, v := range g[i : i+1024] {
			square := float64(v) * float64(v)
			sum := hi + square
			part := sum - hi
			lo += (hi - (sum - part)) + (square - part) + math.FMA(float64(v), float64(v), -square)
			hi = sum
		}
		exact.Add(exact, big.NewFloat(hi))
		exact.Add(exact, big.NewFloat(lo))
	}
	want, _ := exact.Float64()

	// With these coefficients v = g, and the inner product is the sum of squares.
	mean, c := make([]T, n), &Coefficients[T]{Mean: Decay[T]{0, 1, 1}}
	got := NewBlocks([][]T{g}, func(g []T) int { return len(g) }).Sum(func(g []T, lo, hi int) float64 {
		return p.Direct(g[lo:hi], &Averages[T]{Mean: mean}, lo, c)
	})
	rel := math.Abs(got-want) / want
	t.Logf("relative error over 2^25 elements: %.2g", rel)
	if rel > tolerance {
		t.Errorf("inner product %v, exact %v: relative error %.2g above %g", got, want, rel, tolerance)
	}
}

func TestInnerProductAccuracy(t *testing.T) {
	if testing.Short() {
		t.Skip("needs half a gigabyte")
	}
	t.Run("float32", func(t *testing.T) { testSumAccuracy(t, Float32, 1e-6) })
	t.Run("float64", func(t *testing.T) { testSumAccuracy(t, Float64, 1e-13) })
}

func BenchmarkPasses(b *testing.B) {
	b.Run("float32/fastest", func(b *testing.B) { benchmarkPasses(b, Float32) })
	b.Run("float32/scalar", func(b *testing.B) { benchmarkPasses(b, scalar[float32]{}) })
	b.Run("float64/fastest", func(b *testing.B) { benchmarkPasses(b, Float64) })
	b.Run("float64/scalar", func(b *testing.B) { benchmarkPasses(b, scalar[float64]{}) })
}

func benchmarkPasses[T Float](b *testing.B, p Passes[T]) {
	const n = 4096
	r := rand.New(rand.NewPCG(5, 6))
	random := func() []T { return newPadded(n, 0, func() T { return T(math.Abs(r.NormFloat64())) }).x }
	g, w, mean, square := random(), random(), random(), random()
	c := coefficients[T](7)
	run := func(name string, f func()) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				f()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/element")
		})
	}
	run("Bounded", func() { p.Bounded(g, 1e9) })
	run("Momentum", func() { p.Direct(g, &Averages[T]{Mean: mean}, 0, c) })
	run("Adam", func() { p.Direct(g, &Averages[T]{Mean: mean, Square: square}, 0, c) })
	run("MomentumSlope", func() { p.DirectSlope(g, &Averages[T]{Mean: mean}, 0, c) })
	run("AdamSlope", func() { p.DirectSlope(g, &Averages[T]{Mean: mean, Square: square}, 0, c) })
	run("Update", func() { p.Update(w, g, 1e-3) })
}
