package layer

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/l4-go/l4/internal/op"
)

// naiveBatch convolves a batch of images, computed from the definition.
func naiveBatch(s *convSize, x, w []float64) (z []float64) {
	for i := range s.batch {
		out := make([]float64, s.outSize())
		naive(s, x[i*s.inSize():(i+1)*s.inSize()], w, out, out, make([]float64, s.inSize()),
			make([]float64, s.weights()))
		z = append(z, out...)
	}
	return z
}

// naiveNorm returns norm(z) by definition, and the mean and the unbiased variance of the channels.
func naiveNorm(z, scale, shift []float64) (y, means, variances []float64) {
	channels := len(scale)
	y = slices.Clone(z)
	n := float64(len(z) / channels)
	for c := range channels {
		mean, variance := 0.0, 0.0
		for i := c; i < len(z); i += channels {
			mean += z[i] / n
		}
		for i := c; i < len(z); i += channels {
			variance += (z[i] - mean) * (z[i] - mean) / n
		}
		for i := c; i < len(z); i += channels {
			y[i] = (z[i]-mean)/math.Sqrt(variance+1e-5)*scale[c] + shift[c]
		}
		means, variances = append(means, mean), append(variances, variance*n/(n-1))
	}
	return y, means, variances
}

func rectify(xs []float64) []float64 {
	for i, x := range xs {
		xs[i] = max(0, x)
	}
	return xs
}

func random(r *rand.Rand, n int, mean float64) []float64 {
	xs := make([]float64, n)
	for i := range xs {
		xs[i] = mean + r.NormFloat64()
	}
	return xs
}

func near[T op.Float](t *testing.T, what string, got []T, want []float64, tolerance float64) {
	t.Helper()
	for i := range want {
		if !(math.Abs(float64(got[i])-want[i]) <= tolerance) {
			t.Fatalf("%s: element %d is %v, want %v", what, i, got[i], want[i])
		}
	}
}

// TestResidualValues compares a block with its definition, in training, and in evaluation with the
// batch's statistics.
func TestResidualValues(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, s := range []convSize{{4, 5, 6, 3, 3, 3, 1}, {3, 5, 6, 3, 8, 3, 2},
		{3, 4, 4, 2, 3, 5, 1}} {
		second := s.second()
		in := [][]float64{random(r, s.batch*s.inSize(), 3), random(r, s.weights(), 0),
			random(r, s.out, 1), random(r, s.out, 0),
			random(r, second.weights(), 0), random(r, s.out, 1), random(r, s.out, 0)}

		hidden, mean1, variance1 := naiveNorm(naiveBatch(&s, in[0], in[1]), in[2], in[3])
		want, mean2, variance2 := naiveNorm(naiveBatch(&second, rectify(hidden), in[4]), in[5],
			in[6])
		before := (s.out - s.in) / 2
		for i := range s.batch {
			for y := range second.height {
				for x := range second.width {
					for c := range s.in {
						want[((i*second.height+y)*second.width+x)*s.out+before+c] +=
							in[0][((i*s.height+y*s.stride)*s.width+x*s.stride)*s.in+c]
					}
				}
			}
		}
		rectify(want)

		c := residualConfig{s, second, NewStatistics(s.out), NewStatistics(s.out), true}
		out := make([]float64, len(want))
		newResidual[float64](c).Forward(out, in)
		near(t, "output", out, want, 1e-11)

		near(t, "running mean before Commit", c.statistics1.Mean, make([]float64, s.out), 0)
		for _, check := range []struct {
			s              *Statistics
			mean, variance []float64
		}{{c.statistics1, mean1, variance1}, {c.statistics2, mean2, variance2}} {
			for range 300 { // the second has no effect without a new batch
				check.s.Commit()
			}
			for i := range s.out {
				near(t, "running mean", check.s.Mean[i:], []float64{check.mean[i] / 10}, 1e-12)
				near(t, "running variance", check.s.Variance[i:],
					[]float64{0.9 + check.variance[i]/10}, 1e-12)
			}
			n := float64(s.batch * second.height * second.width)
			copy(check.s.Mean, check.mean)
			for i, v := range check.variance {
				check.s.Variance[i] = v * (n - 1) / n
			}
		}
		c.training = false
		newResidual[float64](c).Forward(out, in)
		near(t, "output in evaluation", out, want, 1e-11)
	}
}

func TestConvNormValues(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	s := convSize{4, 5, 6, 3, 4, 3, 2}
	in := [][]float64{random(r, s.batch*s.inSize(), 100), random(r, s.weights(), 0),
		random(r, s.out, 1), random(r, s.out, 0)}
	want, _, _ := naiveNorm(naiveBatch(&s, in[0], in[1]), in[2], in[3])
	out := make([]float64, len(want))
	c := convNormConfig{s, BatchNorm{Statistics: NewStatistics(s.out), Training: true}}
	newConvNorm[float64](c).Forward(out, in)
	near(t, "output", out, rectify(want), 1e-9)

	// A batch that is not finite does not change the statistics until it is committed.
	m := newConvNorm[float64](c)
	in[0][0] = math.NaN()
	m.Forward(out, in)
	in[0][0] = 100
	m.Forward(out, in)
	c.Statistics.Commit()
	for i := range s.out {
		if v := c.Statistics.Mean[i] + c.Statistics.Variance[i]; math.IsNaN(v) {
			t.Error("a batch that was not committed makes the statistics NaN")
		}
	}
}

// TestStatisticsValues: the values share the memory of the statistics.
func TestStatisticsValues(t *testing.T) {
	s := NewStatistics(3)
	for i, v := range s.Values() {
		copy(v.Data().([]float64), []float64{float64(i), 7, 8})
	}
	if !slices.Equal(s.Mean, []float64{0, 7, 8}) || !slices.Equal(s.Variance, []float64{1, 7, 8}) {
		t.Errorf("mean %v, variance %v", s.Mean, s.Variance)
	}
}
