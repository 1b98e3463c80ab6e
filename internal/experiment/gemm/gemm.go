// Package gemm has the arithmetic of the experiments' nets over flat slices: a matrix product,
// which convolutions and dense layers use, and the passes of batch norm and pooling.
//
// All of it is scalar Go. On amd64 there is assembly as well: AVX2 for all passes over float32,
// AVX2 for products of float64, and AVX-512, if the processor has it, for products of float32. Sums
// of products differ between Go and assembly in the last bits, because the assembly does not round
// a product before the addition. Both give the same bits each time. NaN and Inf propagate: a
// maximum of NaN and a number is NaN.
package gemm

// Kernel is the arithmetic for one element type. The slices of a call, except of Multiply, have
// equal lengths. A result may be the same slice as an operand, but must not overlap it otherwise.
type Kernel[T Float] interface {
	// Multiply computes a product. init and c may be the same memory.
	Multiply(p Product, a, b, init, c []T)

	// Add is sum += x.
	Add(sum, x []T)

	// AddSquares is sum += (x - mean)².
	AddSquares(sum, x, mean []T)

	// Normalize is y = max(0, scale·x + shift + add).
	Normalize(y, x, scale, shift, add []T)

	// Mask sets dx to dy where y is above 0, and to 0 elsewhere. It adds dx to sum and dx·(x -
	// mean) to sumX.
	Mask(dx, dy, y, x, mean, sum, sumX []T)

	// Combine is d = a·x + b·y + c.
	Combine(d, x, y, a, b, c []T)

	// Pool sets y to the largest of four inputs and at to the number of that input. Where no input
	// is above 0, it sets y to 0 and at to 4.
	Pool(y []T, at []uint8, x [4][]T)

	// Unpool sets dx of the input that Pool has chosen to dy, and dx of the other inputs to 0.
	Unpool(dx [4][]T, dy []T, at []uint8)
}

// Float is the constraint of the element types.
type Float interface{ float32 | float64 }

// Cols is the width of a panel and the largest number of columns of a Product.
const Cols = 16

// Product describes a matrix product with any number of rows. Its operands have strides:
//
//	C(i, o) = Init(i, o) + Σ A(i, j, k)·B(j, k, o), the sum over j < Outer and k < Inner
//
// for i < Rows and o < Cols. Strides are numbers of elements and not negative: A(i, j, k) is a[i·AI
// + j·AJ + k·AK], B(j, k, o) is b[j·BJ + k·BK + o], Init(i, o) is init[i·InitI + o] and C(i, o) is
// c[i·CI + o]. With two indices of the sum, a product can read the window of a filter in an image
// without a copy.
//
// The assembly depends on this layout.
type Product struct {
	Rows, Cols   int // Cols is at most 16; b must have 16 columns even where fewer are asked
	Outer, Inner int // both at least 1
	AI, AJ, AK   int
	BJ, BK       int
	InitI, CI    int
	Rectify      bool // C is 0 where it would be below
}

// Of returns the fastest kernel for this processor.
func Of[T Float]() Kernel[T] {
	var fastest Kernel[T] = scalar[T]{}
	for _, k := range assembly {
		if k, ok := k.(Kernel[T]); ok {
			fastest = k
		}
	}
	return fastest
}

// assembly has the assembly kernels for this processor, each a Kernel[float32] or a
// Kernel[float64]. Faster kernels come after slower ones.
var assembly []any

// check panics if a product exceeds the bounds of a slice.
func check[T Float](p *Product, a, b, init, c []T) {
	if p.Cols > Cols || p.Outer < 1 || p.Inner < 1 {
		panic("gemm: a product of more than 16 columns or of an empty sum")
	}
	_ = a[(p.Rows-1)*p.AI+(p.Outer-1)*p.AJ+(p.Inner-1)*p.AK]
	_ = b[(p.Outer-1)*p.BJ+(p.Inner-1)*p.BK+Cols-1]
	_ = init[(p.Rows-1)*p.InitI+p.Cols-1]
	_ = c[(p.Rows-1)*p.CI+p.Cols-1]
}
