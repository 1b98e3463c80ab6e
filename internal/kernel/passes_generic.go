//go:build !amd64 || purego

package kernel

// Passes for each element type.
var (
	Float32 = generic[float32]()
	Float64 = generic[float64]()
)
