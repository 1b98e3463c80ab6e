package kernel

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"
)

// guard is before and after every slice that a pass may write, to detect writes outside the slice.
const guard = -12345.5

// wild returns numbers of every kind: zeros, subnormal, tiny, ordinary and huge numbers of both
// signs. If extreme is true, it also returns numbers that are not finite.
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
			x = []float64{math.Inf(1), math.Inf(-1), math.NaN(), math.Copysign(0, -1),
				math.MaxFloat64}[r.IntN(5)]
		}
	}
	return T(x)
}

// padded is a slice x that begins offset+1 elements after the start of its allocation, with guards
// around it.
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
			t.Fatalf(
				"%s: position %d of %d: %v, reference %v",
				name,
				i-p.offset-1,
				len(p.x),
				p.all[i],
				want.all[i],
			)
		}
	}
}

func coefficients[T Float](step float64) *Coefficients[T] {
	decay := func(tau float64) Decay[T] {
		beta := 1 - 1/tau
		return Decay[T]{T(beta), T(1 / tau), T(1 / (1 - math.Pow(beta, step)))}
	}
	return &Coefficients[T]{Mean: decay(10), Square: decay(1000), Epsilon: 1e-4}
}

// comparePasses runs every pass of fast and of the scalar reference on the same numbers. Both must
// compute the same bits.
func comparePasses[T Float](
	t *testing.T,
	fast Passes[T],
	n, offset int,
	next func() T,
	eta, limit T,
) {
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

	w, g = random(), random()
	start := random()
	w2, g2 = w.clone(), g.clone()
	start2 := start.clone()
	got := fast.UpdateFrom(w.x, g.x, start.x, eta)
	want := slow.UpdateFrom(w2.x, g2.x, start2.x, eta)
	if !bitsEqual(got, want) {
		t.Fatalf("UpdateFrom, n %d: %v, reference %v", n, got, want)
	}
	w.compare(t, "UpdateFrom: w", w2)
	g.compare(t, "UpdateFrom: v", g2)
	start.compare(t, "UpdateFrom: start", start2)

	for _, adam := range []bool{false, true} {
		g, mean, square := random(), random(), random()
		g2, mean2, square2 := g.clone(), mean.clone(), square.clone()
		name, squares, squares2 := "momentum", []T(nil), []T(nil)
		if adam {
			name, squares, squares2 = "adam", square.x, square2.x
		}
		c := coefficients[T](7)
		dot, norm := fast.Direct(g.x, mean.x, squares, c)
		if dot2, norm2 := slow.Direct(g2.x, mean2.x, squares2, c); !bitsEqual(dot, dot2) ||
			!bitsEqual(norm, norm2) {
			t.Fatalf(
				"%s, n %d: sums %v and %v, reference %v and %v",
				name,
				n,
				dot,
				norm,
				dot2,
				norm2,
			)
		}
		g.compare(t, name+": v", g2)
		mean.compare(t, name+": mean", mean2)
		square.compare(t, name+": square", square2)
	}
}

// compareCopies does the same as comparePasses for the passes of Copies.
func compareCopies[T, S Float](t *testing.T, fast Copies[T, S], n, offset int, next func() T,
	scale float64) {
	t.Helper()
	slow := scalarCopies[T, S]{}
	random := func() padded[T] { return newPadded(n, offset, next) }
	w, g, mean := random(), random(), random()
	copies := newPadded(n, offset, func() S { return S(next()) })
	copies2 := copies.clone()
	fast.Set(copies.x, w.x)
	slow.Set(copies2.x, w.x)
	copies.compare(t, "Set", copies2)

	w = random()
	before := [...]padded[T]{w.clone(), g.clone(), mean.clone()}
	d := &coefficients[T](7).Mean
	norm, dot := fast.Change(copies.x, w.x, g.x, mean.x, d)
	if norm2, dot2 := slow.Change(copies.x, w.x, g.x, mean.x, d); !bitsEqual(norm, norm2) ||
		!bitsEqual(dot, dot2) {
		t.Fatalf("Change, n %d: %v and %v, reference %v and %v", n, norm, dot, norm2, dot2)
	}
	w.compare(t, "Change: w", before[0])
	g.compare(t, "Change: g", before[1])
	mean.compare(t, "Change: mean", before[2])

	g2 := g.clone()
	fast.Put(g.x, w.x, copies.x, scale)
	slow.Put(g2.x, w.x, copies.x, scale)
	g.compare(t, "Put", g2)
	w.compare(t, "Put: w", before[0])
	copies.compare(t, "Put: copies", copies2)
}

func TestCopiesAgree(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for n := 0; n <= 100; n++ {
		for offset := range 8 {
			next32 := func() float32 { return wild[float32](r, offset%2 == 1) }
			next64 := func() float64 { return wild[float64](r, offset%2 == 1) }
			compareCopies(t, Copies32, n, offset, next32, r.NormFloat64())
			compareCopies(t, Copies32As64, n, offset, next32, r.NormFloat64())
			compareCopies(t, Copies64, n, offset, next64, r.NormFloat64())
		}
	}
}

func testLengthsAndAlignments[T Float](t *testing.T, fast Passes[T], limit T) {
	r := rand.New(rand.NewPCG(1, 2))
	for n := 0; n <= 200; n++ {
		for offset := range 8 {
			extreme := offset%2 == 1
			comparePasses(
				t,
				fast,
				n,
				offset,
				func() T { return wild[T](r, extreme) },
				T(r.NormFloat64()),
				limit,
			)
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
				t.Fatalf("n %d: clean slice rejected", n)
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

func testFlush[T Float](t *testing.T) {
	tiny := Tiny[T]()
	for _, c := range [][2]T{{tiny, tiny}, {-tiny, -tiny}, {tiny / 2, 0}, {-tiny / 4, 0}, {1, 1},
		{0, 0}} {
		xs := []T{tiny / 2, c[0], tiny / 2}
		Flush(xs[1:2])
		if xs[0] == 0 || xs[1] != c[1] || xs[2] == 0 {
			t.Errorf("%v becomes %v, beside %v and %v", c[0], xs[1], xs[0], xs[2])
		}
	}
}

func TestFlush(t *testing.T) {
	t.Run("float32", testFlush[float32])
	t.Run("float64", testFlush[float64])
}

// finite returns x or, if x is NaN or infinite, 1.
func finite[T Float](x T) T {
	if x-x != 0 {
		return 1
	}
	return x
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
		comparePasses(t, Float32, n, int(offset%16), next32, finite(next32()), next32())
		comparePasses(t, Float64, n, int(offset%16), next64, finite(next64()), next64())
		compareCopies(t, Copies32, n, int(offset%16), next32, next64())
		compareCopies(t, Copies32As64, n, int(offset%16), next32, next64())
		compareCopies(t, Copies64, n, int(offset%16), next64, next64())
	})
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
	random := func() []T {
		return newPadded(n, 0, func() T { return T(math.Abs(r.NormFloat64())) }).x
	}
	g, w, mean, square, start := random(), random(), random(), random(), random()
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
	run("Momentum", func() { p.Direct(g, mean, nil, c) })
	run("Adam", func() { p.Direct(g, mean, square, c) })
	run("Update", func() { p.Update(w, g, 1e-3) })
	run("UpdateFrom", func() { p.UpdateFrom(w, g, start, 1e-3) })
}
