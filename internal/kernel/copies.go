package kernel

// Copies has the passes between parameters of type T and copies of type S. An L4 lets its inner
// solver step the copies. The slices of one call must have the same length and must not overlap.
type Copies[T, S Float] interface {
	// Set copies src, which is weights or gradients, to dst.
	Set(dst []S, src []T)

	// Change reads the copies of the weights after the inner solver's step. The direction
	// is v[i] = w[i] - copies[i]. Change returns ‖v‖², and the inner product of v with the mean of
	// the gradients. This mean is bias-corrected and includes g, but Change does not write to mean.
	Change(copies []S, w, g, mean []T, d *Decay[T]) (norm, dot float64)

	// Put overwrites g with the scaled direction: g[i] = scale*v[i].
	Put(g, w []T, copies []S, scale float64)
}

// scalarCopies is the Go implementation, which defines the results of the assembly.
type scalarCopies[T, S Float] struct{}

func (scalarCopies[T, S]) Set(dst []S, src []T) {
	for i, x := range src {
		dst[i] = S(x)
	}
}

func (scalarCopies[T, S]) Change(copies []S, w, g, mean []T, d *Decay[T]) (norm, dot float64) {
	var norms, dots Lanes
	for i, x := range copies {
		v, average := float64(S(w[i])-x), mean[i]
		norms.Add(i, v, v)
		dots.Add(i, float64(d.Fold(&average, g[i])), v)
	}
	return norms.Total(), dots.Total()
}

func (scalarCopies[T, S]) Put(g, w []T, copies []S, scale float64) {
	for i, x := range copies {
		g[i] = T(scale * float64(S(w[i])-x))
	}
}
