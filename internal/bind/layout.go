package bind

// layout maps the elements of a tensor to indices of its memory. It omits dimensions of size 1, so
// a vector, a row and a column have the same layout.
type layout struct{ sizes, strides []int }

// set sets the layout. It reports whether all elements have different indices below the length of
// the memory.
func (l *layout) set(shape, strides []int, memory int) bool {
	l.sizes, l.strides = l.sizes[:0], l.strides[:0]
	for i, n := range shape {
		if n == 1 {
			continue
		}
		l.sizes = append(l.sizes, n)
		if len(strides) == len(shape) {
			l.strides = append(l.strides, strides[i])
		}
	}
	// A column-major row or column has one stride.
	if len(strides) != len(shape) && len(strides) <= 1 {
		l.strides = append(l.strides, strides...)
	}
	if len(l.strides) != len(l.sizes) {
		return false
	}
	last := 0 // index of the last element
	for i, n := range l.sizes {
		step := l.strides[i]
		// The product (n-1)*step may overflow, so the condition divides.
		if n <= 0 || step < 0 || step > 0 && n-1 > (memory-1-last)/step {
			return false
		}
		last += (n - 1) * step
	}
	return last < memory && l.distinct()
}

// distinct reports whether all elements have different indices. They have if each stride is larger
// than the largest index that the smaller strides reach.
func (l *layout) distinct() bool {
	for i, step := range l.strides {
		last := 0
		for j, smaller := range l.strides {
			if smaller < step || smaller == step && j < i {
				last += (l.sizes[j] - 1) * smaller
			}
		}
		if step <= last {
			return false
		}
	}
	return true
}

func (l layout) elements() int {
	n := 1
	for _, size := range l.sizes {
		n *= size
	}
	return n
}

func (l layout) rowMajor() bool {
	next := 1
	for i := len(l.sizes) - 1; i >= 0; i-- {
		if l.strides[i] != next {
			return false
		}
		next *= l.sizes[i]
	}
	return true
}

// each calls f with the index of each element, in row-major order.
func (l layout) each(f func(i int)) { eachFrom(l.sizes, l.strides, 0, f) }

func eachFrom(sizes, strides []int, at int, f func(i int)) {
	if len(sizes) == 0 {
		f(at)
		return
	}
	for range sizes[0] {
		eachFrom(sizes[1:], strides[1:], at, f)
		at += strides[0]
	}
}
