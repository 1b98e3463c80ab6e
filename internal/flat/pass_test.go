package flat

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/l4-go/l4/internal/kernel"
)

func TestCompensatedSum(t *testing.T) {
	for _, c := range []struct {
		xs   []float64
		want float64
	}{
		{nil, 0}, {[]float64{3}, 3}, {[]float64{1, 1e100, 1, -1e100}, 2},
		{[]float64{1e100, 1, -1e100}, 1},
		{[]float64{1, math.Inf(1)}, math.Inf(1)}, {[]float64{math.Inf(-1), 1}, math.Inf(-1)},
	} {
		if got := compensatedSum(c.xs); got != c.want {
			t.Errorf("sum of %v is %v, want %v", c.xs, got, c.want)
		}
	}
}

// TestSumsAreCompensated: both sums of a pass include what plain addition of the blocks would lose
// by rounding.
func TestSumsAreCompensated(t *testing.T) {
	m := modelOf(Float64, make([]float64, 4*blockLen))
	terms := []float64{1, 1e100, 1, -1e100} // by block
	x, y := m.Sum(Pass{F64: func(p *Part[float64]) (x, y float64) {
		term := terms[p.Lo/blockLen]
		return term, 3 * term
	}})
	if x != 2 || y != 6 {
		t.Errorf("sums %v and %v, want 2 and 6", x, y)
	}
}

// modelOf returns a model of one tensor with these gradients.
func modelOf[T kernel.Float](dt Dtype, g []T) *Model {
	m := new(Model)
	m.Describe([]Tensor{{Name: "x", Shape: []int{len(g)}, Dtype: dt}})
	Place(m, 0, make([]T, len(g)), g)
	return m
}

func testSumAccuracy[T kernel.Float](t *testing.T, dt Dtype, tolerance float64) {
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

	got, _ := modelOf(dt, g).Sum(NewPass(t, squares[float32], squares[float64]))
	rel := math.Abs(got-want) / want
	t.Logf("relative error over 2^25 elements: %.2g", rel)
	if rel > tolerance {
		t.Errorf("sum %v, exact %v: relative error %.2g above %g", got, want, rel, tolerance)
	}
}

func squares[T kernel.Float](_ *testing.T, p *Part[T]) (sum, _ float64) {
	var lanes kernel.Lanes
	for i, g := range p.G {
		lanes.Add(i, float64(g), float64(g))
	}
	return lanes.Total(), 0
}

// TestSumAccuracy compares an inner product over many blocks with exact arithmetic.
func TestSumAccuracy(t *testing.T) {
	if testing.Short() {
		t.Skip("needs half a gigabyte")
	}
	t.Run("float32", func(t *testing.T) { testSumAccuracy[float32](t, Float32, 1e-6) })
	t.Run("float64", func(t *testing.T) { testSumAccuracy[float64](t, Float64, 1e-13) })
}

// TestSumCoversAll: every element is in exactly one part, and the sums are the same on any number
// of cores.
func TestSumCoversAll(t *testing.T) {
	for _, n := range []int{1, blockLen - 1, blockLen, blockLen + 1, 100*blockLen + 7} {
		g := make([]float32, n)
		for i := range g {
			g[i] = 1
		}
		m, weights := modelOf(Float32, g), make([]float32, n)
		Place(m, 0, weights, g)
		count := Pass{F32: func(p *Part[float32]) (x, y float64) {
			for i := range p.G {
				p.W[i]++
				x += float64(p.G[i])
			}
			return x, float64(p.Lo)
		}}
		if x, _ := m.Sum(count); x != float64(n) {
			t.Errorf("%d elements: sum %v", n, x)
		}
		for i, w := range weights {
			if w != 1 {
				t.Fatalf("%d elements: element %d is in %v parts", n, i, w)
			}
		}
	}
}
