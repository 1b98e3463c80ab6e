//go:build amd64 && !purego

package gemm

import (
	"math"
	"unsafe"

	"golang.org/x/sys/cpu"
)

//go:generate sh -c "cd gen && go run . -out ../asm_amd64.s -stubs ../asm_amd64.go -pkg gemm"

func init() {
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA {
		assembly = append(assembly, avx2Double{}, avx2{})
		if cpu.X86.HasAVX512F {
			assembly = append(assembly, avx512{})
		}
	}
}

// avx2 is the kernel in AVX2 assembly. The methods check the lengths, because the assembly does
// not. The passes need a positive multiple of eight elements; scalar computes the remaining
// elements.
type avx2 struct{ scalar[float32] }

func (avx2) Multiply(p Product, a, b, init, c []float32) { multiply(narrow, p, a, b, init, c) }

// avx2Double is the kernel for float64. Only its products are assembly.
type avx2Double struct{ scalar[float64] }

func (avx2Double) Multiply(p Product, a, b, init, c []float64) {
	multiply(double, p, a, b, init, c)
}

// avx512 is avx2 with products on vectors of twice the length.
type avx512 struct{ avx2 }

func (avx512) Multiply(p Product, a, b, init, c []float32) { multiply(wide, p, a, b, init, c) }

// tiles selects the assembly for products of a few rows. The value is the largest number of rows.
type tiles int

const (
	narrow tiles = 6
	double tiles = 3
	wide   tiles = 16
)

// multiply divides the rows into tiles of nearly equal height, because tiles of few rows are slow.
func multiply[T Float](ts tiles, p Product, a, b, init, c []T) {
	if p.Rows == 0 || p.Cols == 0 {
		return
	}
	check(&p, a, b, init, c)
	low := T(math.Inf(-1))
	if p.Rectify {
		low = 0
	}
	n := (p.Rows + int(ts) - 1) / int(ts)
	for t := range n {
		i := t * p.Rows / n
		rows := (t+1)*p.Rows/n - i
		multiplyTile(ts, rows, &p, low, a[i*p.AI:], b, init[i*p.InitI:], c[i*p.CI:])
	}
}

func multiplyTile[T Float](ts tiles, rows int, p *Product, low T, a, b, init, c []T) {
	if p.Cols < Cols {
		multiplyBuffered(ts, rows, p, low, a, b, init, c)
		return
	}
	pa, pb, pi, pc := unsafe.Pointer(&a[0]), unsafe.Pointer(&b[0]), unsafe.Pointer(&init[0]),
		unsafe.Pointer(&c[0])
	switch ts {
	case narrow:
		tile(rows, &p.Rows, (*float32)(pa), (*float32)(pb), (*float32)(pi), (*float32)(pc),
			float32(low))
	case double:
		tileDouble(rows, &p.Rows, (*float64)(pa), (*float64)(pb), (*float64)(pi), (*float64)(pc),
			float64(low))
	case wide:
		wideTile(rows, &p.Rows, (*float32)(pa), (*float32)(pb), (*float32)(pi), (*float32)(pc),
			float32(low))
	}
}

// multiplyBuffered computes a tile of fewer than 16 columns in a buffer of 16.
func multiplyBuffered[T Float](ts tiles, rows int, p *Product, low T, a, b, init, c []T) {
	var buffer [int(wide) * Cols]T
	for i := range rows {
		copy(buffer[i*Cols:], init[i*p.InitI:i*p.InitI+p.Cols])
	}
	q := *p
	q.Cols, q.InitI, q.CI = Cols, Cols, Cols
	multiplyTile(ts, rows, &q, low, a, b, buffer[:], buffer[:])
	for i := range rows {
		copy(c[i*p.CI:i*p.CI+p.Cols], buffer[i*Cols:])
	}
}

func (k avx2) Add(sum, x []float32) {
	n := len(x) &^ 7
	if n > 0 {
		add(n, &sum[:n][0], &x[0])
	}
	k.scalar.Add(sum[n:], x[n:])
}

func (k avx2) AddSquares(sum, x, mean []float32) {
	n := len(x) &^ 7
	if n > 0 {
		addSquares(n, &sum[:n][0], &x[0], &mean[:n][0])
	}
	k.scalar.AddSquares(sum[n:], x[n:], mean[n:])
}

func (k avx2) Normalize(y, x, scale, shift, add []float32) {
	n := len(x) &^ 7
	if n > 0 {
		normalize(n, &y[:n][0], &x[0], &scale[:n][0], &shift[:n][0], &add[:n][0])
	}
	k.scalar.Normalize(y[n:], x[n:], scale[n:], shift[n:], add[n:])
}

func (k avx2) Mask(dx, dy, y, x, mean, sum, sumX []float32) {
	n := len(dy) &^ 7
	if n > 0 {
		mask(n, &dx[:n][0], &dy[0], &y[:n][0], &x[:n][0], &mean[:n][0], &sum[:n][0], &sumX[:n][0])
	}
	k.scalar.Mask(dx[n:], dy[n:], y[n:], x[n:], mean[n:], sum[n:], sumX[n:])
}

func (k avx2) Combine(d, x, y, a, b, c []float32) {
	n := len(x) &^ 7
	if n > 0 {
		combine(n, &d[:n][0], &x[0], &y[:n][0], &a[:n][0], &b[:n][0], &c[:n][0])
	}
	k.scalar.Combine(d[n:], x[n:], y[n:], a[n:], b[n:], c[n:])
}

func (k avx2) Pool(y []float32, at []uint8, x [4][]float32) {
	n := len(y) &^ 7
	if n > 0 {
		pool(n, &y[0], &at[:n][0], &x[0][:n][0], &x[1][:n][0], &x[2][:n][0], &x[3][:n][0])
	}
	k.scalar.Pool(y[n:], at[n:], [4][]float32{x[0][n:], x[1][n:], x[2][n:], x[3][n:]})
}

func (k avx2) Unpool(dx [4][]float32, dy []float32, at []uint8) {
	n := len(dy) &^ 7
	if n > 0 {
		unpool(n, &dx[0][:n][0], &dx[1][:n][0], &dx[2][:n][0], &dx[3][:n][0], &dy[0], &at[:n][0])
	}
	k.scalar.Unpool([4][]float32{dx[0][n:], dx[1][n:], dx[2][n:], dx[3][n:]}, dy[n:], at[n:])
}
