package gemm

// scalar is the kernel in Go. It defines the results of the other kernels, up to rounding.
type scalar[T Float] struct{}

// Multiply computes C in blocks of two rows and four columns. The sums of a block stay in
// registers.
func (scalar[T]) Multiply(p Product, a, b, init, c []T) {
	if p.Rows == 0 {
		return
	}
	check(&p, a, b, init, c)
	for o := 0; o < p.Cols; o += 4 {
		cols := min(4, p.Cols-o)
		i := 0
		for ; i+2 <= p.Rows; i += 2 {
			s, t := block(&p, a[i*p.AI:], b[o:])
			store(&p, c[i*p.CI+o:], init[i*p.InitI+o:], s, cols)
			store(&p, c[(i+1)*p.CI+o:], init[(i+1)*p.InitI+o:], t, cols)
		}
		if i < p.Rows {
			last := p
			last.AI = 0
			s, _ := block(&last, a[i*p.AI:], b[o:])
			store(&p, c[i*p.CI+o:], init[i*p.InitI+o:], s, cols)
		}
	}
}

// block returns four columns of two rows of the sum.
func block[T Float](p *Product, a, b []T) (s, t [4]T) {
	var s0, s1, s2, s3, t0, t1, t2, t3 T
	ai, ak, bk := p.AI, p.AK, p.BK
	for j := range p.Outer {
		i, l := j*p.AJ, j*p.BJ
		for range p.Inner {
			x, y, row := a[i], a[i+ai], (*[4]T)(b[l:])
			b0, b1, b2, b3 := row[0], row[1], row[2], row[3]
			s0 += x * b0
			s1 += x * b1
			s2 += x * b2
			s3 += x * b3
			t0 += y * b0
			t1 += y * b1
			t2 += y * b2
			t3 += y * b3
			i += ak
			l += bk
		}
	}
	return [4]T{s0, s1, s2, s3}, [4]T{t0, t1, t2, t3}
}

func store[T Float](p *Product, c, init []T, sums [4]T, cols int) {
	for o, s := range sums[:cols] {
		s += init[o]
		if p.Rectify {
			s = max(0, s)
		}
		c[o] = s
	}
}

func (scalar[T]) Add(sum, x []T) {
	for i, v := range x {
		sum[i] += v
	}
}

func (scalar[T]) AddSquares(sum, x, mean []T) {
	for i, v := range x {
		v -= mean[i]
		sum[i] += v * v
	}
}

func (scalar[T]) Normalize(y, x, scale, shift, add []T) {
	for i, v := range x {
		y[i] = max(0, scale[i]*v+shift[i]+add[i])
	}
}

func (scalar[T]) Mask(dx, dy, y, x, mean, sum, sumX []T) {
	for i, d := range dy {
		if y[i] <= 0 {
			d = 0
		}
		dx[i] = d
		sum[i] += d
		sumX[i] += d * (x[i] - mean[i])
	}
}

func (scalar[T]) Combine(d, x, y, a, b, c []T) {
	for i, v := range x {
		d[i] = a[i]*v + b[i]*y[i] + c[i]
	}
}

func (scalar[T]) Pool(y []T, at []uint8, x [4][]T) {
	for i := range y {
		best, j := x[0][i], uint8(0)
		for n := 1; n < 4; n++ {
			if v := x[n][i]; v > best || v != v {
				best, j = v, uint8(n)
			}
		}
		if best <= 0 {
			best, j = 0, 4
		}
		y[i], at[i] = best, j
	}
}

func (scalar[T]) Unpool(dx [4][]T, dy []T, at []uint8) {
	for i, d := range dy {
		var four [5]T
		four[at[i]] = d
		for n, to := range dx {
			to[i] = four[n]
		}
	}
}
