package kernel

// Copies are the passes of an L4 over another solver, between parameters of type T and the copies
// of type S that the other solver steps. The slices of one call have equal length and do not
// overlap.
type Copies[T, S Float] interface {
	// Set makes dst a copy of src, which are weights or gradients.
	Set(dst []S, src []T)

	// Change takes the copies of the weights after the step of the other solver. The direction v is
	// what that solver has subtracted from them. Change returns the squared norm of v, and its inner
	// product with the mean of the gradients, free of bias, as if g were folded into it. It writes
	// nothing.
	Change(copies []S, w, g, mean []T, d *Decay[T]) (norm, dot float64)

	// Put overwrites g with the direction: g[i] = scale*v[i].
	Put(g, w []T, copies []S, scale float64)
}

// scalarCopies are the passes in plain Go, the reference for the assembly.
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
