//go:build !amd64 || purego

package kernel

// Passes for each element type.
var (
	Float32 Passes[float32] = scalar[float32]{}
	Float64 Passes[float64] = scalar[float64]{}
)
