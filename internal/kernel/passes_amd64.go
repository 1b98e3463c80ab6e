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
		Float32 = &assembly[float32]{boundedAVX2F32, updateAVX2F32, momentumAVX2F32, adamAVX2F32}
		Float64 = &assembly[float64]{boundedAVX2F64, updateAVX2F64, momentumAVX2F64, adamAVX2F64}
	}
}

// assembly are the passes as assembly routines. These trust n to be the length behind every pointer and c to
// point to the first of the Coefficients; the methods see to that.
type assembly[T Float] struct {
	bounded  func(g *T, n int, limit T) bool
	update   func(w, v *T, n int, eta T)
	momentum func(g, mean *T, n int, c *T) float64
	adam     func(g, mean, square *T, n int, c *T) float64
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
	if a.Square == nil {
		return asm.momentum(pg, mean, n, pc)
	}
	return asm.adam(pg, mean, &a.Square[lo : lo+n][0], n, pc)
}
