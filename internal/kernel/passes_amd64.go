//go:build !purego

package kernel

import "golang.org/x/sys/cpu"

//go:generate sh -c "cd gen && go run . -out ../avx2_amd64.s -stubs ../avx2_amd64.go -pkg kernel"

// Passes for each element type, the fastest that this processor can run.
var (
	Float32 Passes[float32] = scalar[float32]{}
	Float64 Passes[float64] = scalar[float64]{}
)

func init() {
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA {
		Float32 = &assembly[float32]{
			boundedAVX2F32, updateAVX2F32,
			momentumAVX2F32, momentumGradAVX2F32, adamAVX2F32, adamGradAVX2F32,
			momentumSlopeAVX2F32, momentumGradSlopeAVX2F32, adamSlopeAVX2F32, adamGradSlopeAVX2F32,
		}
		Float64 = &assembly[float64]{
			boundedAVX2F64, updateAVX2F64,
			momentumAVX2F64, momentumGradAVX2F64, adamAVX2F64, adamGradAVX2F64,
			momentumSlopeAVX2F64, momentumGradSlopeAVX2F64, adamSlopeAVX2F64, adamGradSlopeAVX2F64,
		}
	}
}

// assembly are the passes as assembly routines. These trust n to be the length behind every pointer and c to
// point to the first of the Coefficients; the methods see to that.
type assembly[T Float] struct {
	bounded      func(g *T, n int, limit T) bool
	update       func(w, v *T, n int, eta T)
	momentum     func(g, mean *T, n int, c *T) float64
	momentumGrad func(g, mean, grad *T, n int, c *T) float64
	adam         func(g, mean, square *T, n int, c *T) float64
	adamGrad     func(g, mean, square, grad *T, n int, c *T) float64

	momentumSlope     func(g, mean *T, n int, c *T) (dot, slope float64)
	momentumGradSlope func(g, mean, grad *T, n int, c *T) (dot, slope float64)
	adamSlope         func(g, mean, square *T, n int, c *T) (dot, slope float64)
	adamGradSlope     func(g, mean, square, grad *T, n int, c *T) (dot, slope float64)
}

func (asm *assembly[T]) Bounded(g []T, limit T) bool {
	return len(g) == 0 || asm.bounded(&g[0], len(g), limit)
}

func (asm *assembly[T]) Update(w, v []T, eta T) {
	if n := len(v); n > 0 {
		asm.update(&w[:n][0], &v[0], n, eta)
	}
}

func (asm *assembly[T]) Direct(g []T, a *Averages[T], lo int, c *Coefficients[T]) float64 {
	n := len(g)
	if n == 0 {
		return 0
	}
	pg, mean, pc := &g[0], &a.Mean[lo : lo+n][0], &c.Mean.Keep
	switch {
	case a.Square == nil && a.Grad == nil:
		return asm.momentum(pg, mean, n, pc)
	case a.Square == nil:
		return asm.momentumGrad(pg, mean, &a.Grad[lo : lo+n][0], n, pc)
	case a.Grad == nil:
		return asm.adam(pg, mean, &a.Square[lo : lo+n][0], n, pc)
	default:
		return asm.adamGrad(pg, mean, &a.Square[lo : lo+n][0], &a.Grad[lo : lo+n][0], n, pc)
	}
}

func (asm *assembly[T]) DirectSlope(g []T, a *Averages[T], lo int, c *Coefficients[T]) (dot, slope float64) {
	n := len(g)
	if n == 0 {
		return 0, 0
	}
	pg, mean, pc := &g[0], &a.Mean[lo : lo+n][0], &c.Mean.Keep
	switch {
	case a.Square == nil && a.Grad == nil:
		return asm.momentumSlope(pg, mean, n, pc)
	case a.Square == nil:
		return asm.momentumGradSlope(pg, mean, &a.Grad[lo : lo+n][0], n, pc)
	case a.Grad == nil:
		return asm.adamSlope(pg, mean, &a.Square[lo : lo+n][0], n, pc)
	default:
		return asm.adamGradSlope(pg, mean, &a.Square[lo : lo+n][0], &a.Grad[lo : lo+n][0], n, pc)
	}
}
