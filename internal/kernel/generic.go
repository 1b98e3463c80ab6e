package kernel

import "math"

// scalar are the passes in plain Go, the reference for the assembly.
type scalar[T Float] struct{}

func (scalar[T]) Bounded(g []T, limit T) bool {
	for _, x := range g {
		if !(-limit <= x && x <= limit) {
			return false
		}
	}
	return true
}

// lanes is the number of partial sums of an inner product: element i goes to sum i mod lanes.
const lanes = 8

func (s scalar[T]) Direct(g []T, a *Averages[T], lo int, c *Coefficients[T]) float64 {
	dot, _ := s.direct(g, a, lo, c, false)
	return dot
}

func (s scalar[T]) DirectSlope(g []T, a *Averages[T], lo int, c *Coefficients[T]) (dot, slope float64) {
	return s.direct(g, a, lo, c, true)
}

func (scalar[T]) direct(g []T, a *Averages[T], lo int, c *Coefficients[T], withSlope bool) (dot, slope float64) {
	mean := a.Mean[lo : lo+len(g)]
	var square, grad []T
	if a.Square != nil {
		square = a.Square[lo : lo+len(g)]
	}
	if a.Grad != nil {
		grad = a.Grad[lo : lo+len(g)]
	}
	var dots [lanes]float64
	var slopes [lanes]T
	for i, x := range g {
		// T(x*y) keeps the compiler from fusing the product into the sum.
		last := mean[i] * c.Last // the direction of the last step
		m := T(c.Mean.Keep*mean[i]) + T(c.Mean.Add*x)
		mean[i] = m
		v := m * c.Mean.Correct
		est := v // the estimate of the gradient
		if grad != nil {
			e := T(c.Grad.Keep*grad[i]) + T(c.Grad.Add*x)
			grad[i] = e
			est = e * c.Grad.Correct
		}
		if square != nil {
			s := T(c.Square.Keep*square[i]) + T(c.Square.Add*T(x*x))
			square[i] = s
			root := T(math.Sqrt(float64(s*c.Square.Correct))) + c.Epsilon
			v /= root
			if withSlope {
				last /= root
			}
		}
		g[i] = v
		dots[i%lanes] += float64(float64(est) * float64(v))
		if withSlope {
			slopes[i%lanes] += T(x * last)
		}
	}
	return total(dots), total(slopes)
}

// total adds the lanes in the order of the assembly.
func total[T Float](sum [lanes]T) float64 {
	return ((float64(sum[0]) + float64(sum[4])) + (float64(sum[2]) + float64(sum[6]))) +
		((float64(sum[1]) + float64(sum[5])) + (float64(sum[3]) + float64(sum[7])))
}

func (scalar[T]) Update(w, v []T, eta T) {
	w = w[:len(v)]
	for i, x := range v {
		w[i] -= T(eta * x)
		v[i] = 0
	}
}
