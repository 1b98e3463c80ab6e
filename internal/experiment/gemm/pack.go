package gemm

// RoundUp returns the number of columns of the panels that n columns fill.
func RoundUp(n int) int { return (n + Cols - 1) / Cols * Cols }

// Pack cuts a matrix whose rows are stride apart into panels of 16 columns, the last filled up with
// zeros.
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

// PackTransposed makes one panel of up to 16 rows of a matrix, which become its columns.
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
