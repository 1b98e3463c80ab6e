//go:build amd64 && !purego

package kernel

import "math"

// avx2Double is the kernel for float64. It has no assembly but the product's.
type avx2Double struct{ scalar[float64] }

// colsDouble is the number of columns of a tile, half a panel.
const colsDouble = Cols / 2

// Multiply implements Kernel.
func (avx2Double) Multiply(p Product, a, b, init, c []float64) {
	if p.Rows == 0 || p.Cols == 0 {
		return
	}
	check(&p, a, b, init, c)
	low := math.Inf(-1)
	if p.Rectify {
		low = 0
	}
	for o := 0; o < p.Cols; o += colsDouble {
		half := p
		half.Cols = min(colsDouble, p.Cols-o)
		for i, rows := range tiles(p.Rows) {
			tileDouble(rows, &half, low, a[i*p.AI:], b[o:], init[i*p.InitI+o:], c[i*p.CI+o:])
		}
	}
}

// tileDouble computes up to six rows. Fewer than eight columns take the way through a buffer.
func tileDouble(rows int, p *Product, low float64, a, b, init, c []float64) {
	q, pi, pc := *p, &init[0], &c[0]
	var buffer [6 * colsDouble]float64
	if p.Cols < colsDouble {
		for i := range rows {
			copy(buffer[i*colsDouble:], init[i*p.InitI:i*p.InitI+p.Cols])
		}
		q.InitI, q.CI, pi, pc = colsDouble, colsDouble, &buffer[0], &buffer[0]
	}
	switch rows {
	case 1:
		tileDouble1(&q.Rows, &a[0], &b[0], pi, pc, low)
	case 2:
		tileDouble2(&q.Rows, &a[0], &b[0], pi, pc, low)
	case 3:
		tileDouble3(&q.Rows, &a[0], &b[0], pi, pc, low)
	case 4:
		tileDouble4(&q.Rows, &a[0], &b[0], pi, pc, low)
	case 5:
		tileDouble5(&q.Rows, &a[0], &b[0], pi, pc, low)
	case 6:
		tileDouble6(&q.Rows, &a[0], &b[0], pi, pc, low)
	}
	if p.Cols < colsDouble {
		for i := range rows {
			copy(c[i*p.CI:i*p.CI+p.Cols], buffer[i*colsDouble:])
		}
	}
}
