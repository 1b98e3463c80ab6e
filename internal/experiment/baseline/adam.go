package baseline

import "math"

// NewAdam returns Adam (D. Kingma and J. Ba, ICLR 2015). It has the same update as
// Gorgonia's Adam, but is faster. Its betas are 0.9 and 0.999, its epsilon is 1e-8.
func NewAdam(rate float64) *Solver { return &Solver{method: &adam{rate: rate}} }

type adam struct {
	rate float64
	t    float64
	moments
}

func (a *adam) start(w []float64) { a.moments = newMoments(len(w)) }

func (a *adam) step(w, g []float64) {
	a.t++
	a.add(g, 1)
	rate := a.rate / (1 - math.Pow(beta1, a.t))
	scale := 1 / (1 - math.Pow(beta2, a.t))
	for i, m := range a.m {
		w[i] -= rate * m / (math.Sqrt(scale*a.v[i]) + epsilon)
	}
}

// Hyper-parameters of Adam that other methods use too.
const (
	beta1   = 0.9
	beta2   = 0.999
	epsilon = 1e-8
)

// moments are running averages of the gradient and of its square, both 0 at first.
type moments struct{ m, v []float64 }

func newMoments(n int) moments { return moments{make([]float64, n), make([]float64, n)} }

// least is the magnitude below which an average is set to 0. If gradients stay 0, averages become
// denormal numbers, with which processors compute a hundred times slower.
const least = 1e-200

// add adds the gradient times factor to the averages.
func (a moments) add(g []float64, factor float64) {
	for i, g := range g {
		g *= factor
		a.m[i] += (1 - beta1) * (g - a.m[i])
		if math.Abs(a.m[i]) < least {
			a.m[i] = 0
		}
		a.v[i] += (1 - beta2) * (g*g - a.v[i])
	}
}
