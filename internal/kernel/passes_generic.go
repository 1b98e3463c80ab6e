//go:build !amd64 || purego

package kernel

// Float32 and Float64 are the passes for each element type.
var (
	Float32 Passes[float32] = scalar[float32]{}
	Float64 Passes[float64] = scalar[float64]{}
)

// Copies for each pair of types T and S.
var (
	Copies32     Copies[float32, float32] = scalarCopies[float32, float32]{}
	Copies32As64 Copies[float32, float64] = scalarCopies[float32, float64]{}
	Copies64     Copies[float64, float64] = scalarCopies[float64, float64]{}
)
