package gemm

// RoundUp returns n rounded up to a multiple of Cols: the number of columns of the panels.
func RoundUp(n int) int { return (n + Cols - 1) / Cols * Cols }

// Pack copies a matrix, whose rows are stride elements apart, to panels of Cols columns. It fills
// the last panel up with zeros.
func Pack[T Float](panels, matrix []T, rows, cols, stride int) {
	for k := range rows {
		row := matrix[k*stride : k*stride+cols]
		at := panels[k*Cols:]
		for ; len(row) >= Cols; row = row[Cols:] {
			*(*[Cols]T)(at) = *(*[Cols]T)(row)
			at = at[min(len(at), rows*Cols):]
		}
		if len(row) > 0 {
			clear(at[copy(at[:Cols], row):Cols])
		}
	}
}

// MultiplyPacked computes a product with any number of columns, for a right operand from Pack. It
// sets p.Outer and the strides of B.
func MultiplyPacked[T Float](k Kernel[T], p Product, a, panels, init, c []T) {
	cols := p.Cols
	p.Outer, p.BK = 1, Cols
	for o := 0; o < cols; o += Cols {
		p.Cols = min(Cols, cols-o)
		k.Multiply(p, a, panels[o*p.Inner:], init[o:], c[o:])
	}
}

// PackTransposed copies up to Cols rows of a matrix to one panel. The rows become the columns of
// the panel.
func PackTransposed[T Float](panel, matrix []T, length, rows, stride int) {
	if rows < Cols {
		clear(panel[:length*Cols])
	}
	o := 0
	for ; o+4 <= rows; o += 4 {
		a, b := matrix[o*stride:][:length], matrix[(o+1)*stride:][:length]
		c, d := matrix[(o+2)*stride:][:length], matrix[(o+3)*stride:][:length]
		for k, x := range a {
			*(*[4]T)(panel[k*Cols+o:]) = [4]T{x, b[k], c[k], d[k]}
		}
	}
	for ; o < rows; o++ {
		for k, x := range matrix[o*stride:][:length] {
			panel[k*Cols+o] = x
		}
	}
}
