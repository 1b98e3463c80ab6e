//go:build !purego

package kernel

import "golang.org/x/sys/cpu"

//go:generate sh -c "cd gen && go run . -out ../avx2_amd64.s -stubs ../avx2_amd64.go -pkg kernel"

// Float32 and Float64 are the fastest passes that this processor can run.
var (
	Float32 Passes[float32] = scalar[float32]{}
	Float64 Passes[float64] = scalar[float64]{}
)

// Copies for each pair of types T and S: the fastest that this processor can run.
var (
	Copies32     Copies[float32, float32] = scalarCopies[float32, float32]{}
	Copies32As64 Copies[float32, float64] = scalarCopies[float32, float64]{}
	Copies64     Copies[float64, float64] = scalarCopies[float64, float64]{}
)

func init() {
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA {
		Float32 = &assembly[float32]{boundedAVX2F32, updateAVX2F32, updateFromAVX2F32,
			momentumAVX2F32, adamAVX2F32}
		Float64 = &assembly[float64]{boundedAVX2F64, updateAVX2F64, updateFromAVX2F64,
			momentumAVX2F64, adamAVX2F64}
		Copies32 = &assemblyCopies[float32, float32]{setAVX2F32, changeAVX2F32, putAVX2F32}
		Copies32As64 = &assemblyCopies[float32, float64]{setAVX2F32AsF64, changeAVX2F32AsF64,
			putAVX2F32AsF64}
		Copies64 = &assemblyCopies[float64, float64]{setAVX2F64, changeAVX2F64, putAVX2F64}
	}
}

// assembly holds the assembly routines of the passes. The routines require that n elements follow
// each pointer, and that c points to the first of the Coefficients; the methods guarantee both.
type assembly[T Float] struct {
	bounded    func(g *T, n int, limit T) bool
	update     func(w, v *T, n int, eta T)
	updateFrom func(w, v, start *T, n int, eta T) (square float64)
	momentum   func(g, mean *T, n int, c *T) (dot float64)
	adam       func(g, mean, square *T, n int, c *T) (dot, norm float64)
}

func (asm *assembly[T]) Bounded(g []T, limit T) bool {
	return len(g) == 0 || asm.bounded(&g[0], len(g), limit)
}

func (asm *assembly[T]) Update(w, v []T, eta T) {
	if n := len(v); n > 0 {
		asm.update(&w[:n][0], &v[0], n, eta)
	}
}

func (asm *assembly[T]) UpdateFrom(w, v, start []T, eta T) (square float64) {
	n := len(v)
	if n == 0 {
		return 0
	}
	return asm.updateFrom(&w[:n][0], &v[0], &start[:n][0], n, eta)
}

func (asm *assembly[T]) Direct(g, mean, squares []T, c *Coefficients[T]) (dot, norm float64) {
	n := len(g)
	if n == 0 {
		return 0, 0
	}
	pg, pm, pc := &g[0], &mean[:n][0], &c.Mean.Keep
	if squares == nil {
		dot = asm.momentum(pg, pm, n, pc)
		return dot, dot
	}
	return asm.adam(pg, pm, &squares[:n][0], n, pc)
}

// assemblyCopies holds the assembly routines of Copies. The routines require that n elements follow
// each pointer; the methods guarantee this.
type assemblyCopies[T, S Float] struct {
	set    func(dst *S, src *T, n int)
	change func(copies *S, w, g, mean *T, n int, d *T) (norm, dot float64)
	put    func(g, w *T, copies *S, n int, scale float64)
}

func (asm *assemblyCopies[T, S]) Set(dst []S, src []T) {
	if n := len(dst); n > 0 {
		asm.set(&dst[0], &src[:n][0], n)
	}
}

func (asm *assemblyCopies[T, S]) Change(copies []S, w, g, mean []T, d *Decay[T]) (norm,
	dot float64) {
	n := len(copies)
	if n == 0 {
		return 0, 0
	}
	return asm.change(&copies[0], &w[:n][0], &g[:n][0], &mean[:n][0], n, &d.Keep)
}

func (asm *assemblyCopies[T, S]) Put(g, w []T, copies []S, scale float64) {
	if n := len(copies); n > 0 {
		asm.put(&g[:n][0], &w[:n][0], &copies[0], n, scale)
	}
}
