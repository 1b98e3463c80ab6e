// Package gemm holds the arithmetic of the experiments' nets over flat slices: one matrix
// product, of which convolutions and dense layers are made, and the passes of batch norm and of
// pooling.
//
// It exists as scalar Go and, on amd64, as assembly of AVX2, with products of AVX-512 for float32
// where there is that; for float64 the products alone are assembly. Sums of products differ between
// Go and assembly in the last bits, as the latter does not round a product before it adds it.
// Either gives the same bits each time. NaN and Inf pass through: a maximum of NaN and a number is
// NaN.
package gemm

// Float is the element type.
type Float interface{ float32 | float64 }

// Cols is the width of a panel, the most columns that a Product can have.
const Cols = 16

// Product describes a matrix product of any number of rows whose operands lie anywhere in memory:
//
//	C(i, o) = Init(i, o) + Σ A(i, j, k)·B(j, k, o), the sum over j < Outer and k < Inner
//
// for i < Rows and o < Cols. Strides are numbers of elements and not negative: A(i, j, k) is a[i·AI
// + j·AJ + k·AK], B(j, k, o) is b[j·BJ + k·BK + o], Init(i, o) is init[i·InitI + o] and C(i, o) is
// c[i·CI + o]. Two indices of the sum are enough to read a filter's window out of an image in
// place.
//
// The assembly knows this layout.
type Product struct {
	Rows, Cols   int // Cols is at most 16; b must have 16 columns even where fewer are asked
	Outer, Inner int // both at least 1
	AI, AJ, AK   int
	BJ, BK       int
	InitI, CI    int
	Rectify      bool // C is 0 where it would be below
}

// Kernel is the arithmetic for one element type. The slices of one call, but for Multiply's, have
// equal length. Results may overwrite an operand of the same place, but not of another one.
type Kernel[T Float] interface {
	// Multiply computes a product. init and c may be the same memory.
	Multiply(p Product, a, b, init, c []T)

	// Add is sum += x.
	Add(sum, x []T)

	// AddSquares is sum += (x - mean)².
	AddSquares(sum, x, mean []T)

	// Normalize is y = max(0, scale·x + shift + add).
	Normalize(y, x, scale, shift, add []T)

	// Mask sets dx to dy, or to 0 where y is at most 0, and adds it and its product with x - mean
	// to two sums.
	Mask(dx, dy, y, x, mean, sum, sumX []T)

	// Combine is d = a·x + b·y + c.
	Combine(d, x, y, a, b, c []T)

	// Pool sets y to the largest of four inputs, or to 0 if that is below, and at to the number of
	// that input, or to 4 where none is above 0.
	Pool(y []T, at []uint8, x [4][]T)

	// Unpool hands a gradient to the input that Pool took, and 0 to the others.
	Unpool(dx [4][]T, dy []T, at []uint8)
}

// Of returns the fastest kernel that this processor can run.
func Of[T Float]() Kernel[T] {
	var fastest Kernel[T] = scalar[T]{}
	for _, k := range assembly {
		if k, ok := k.(Kernel[T]); ok {
			fastest = k
		}
	}
	return fastest
}

// assembly are the kernels of this processor that are assembly, faster ones behind slower ones.
// Each is a Kernel of a type.
var assembly []any

// check panics if a product reaches beyond a slice.
func check[T Float](p *Product, a, b, init, c []T) {
	if p.Cols > Cols || p.Outer < 1 || p.Inner < 1 {
		panic("gemm: a product of more than 16 columns or of an empty sum")
	}
	_ = a[(p.Rows-1)*p.AI+(p.Outer-1)*p.AJ+(p.Inner-1)*p.AK]
	_ = b[(p.Outer-1)*p.BJ+(p.Inner-1)*p.BK+Cols-1]
	_ = init[(p.Rows-1)*p.InitI+p.Cols-1]
	_ = c[(p.Rows-1)*p.CI+p.Cols-1]
}
