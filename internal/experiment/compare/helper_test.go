package compare

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/op/optest"
)

// regression trains four weights on noisy samples in batches, without a graph. The order differs
// from epoch to epoch.
type regression struct {
	samples, batch int
	seed           uint64
	w, g           []float64
	model          []gorgonia.ValueGrad
	extra          []gorgonia.Value // that State holds besides the weights
}

// newRegression starts from weights of 0, or in the memory of given weights.
func newRegression(samples, batch int, seed uint64, w ...float64) *regression {
	if w == nil {
		w = make([]float64, 4)
	}
	r := &regression{samples: samples, batch: batch, seed: seed, w: w, g: make([]float64, 4)}
	r.model = []gorgonia.ValueGrad{dual{vector(r.w), vector(r.g)}}
	return r
}

// dual is a parameter.
type dual struct{ w, g gorgonia.Value }

func (d dual) Value() gorgonia.Value         { return d.w }
func (d dual) Grad() (gorgonia.Value, error) { return d.g, nil }

func vector(xs []float64) *tensor.Dense {
	return tensor.New(tensor.WithShape(len(xs)), tensor.WithBacking(xs))
}

func (r *regression) Run(step int) (gorgonia.Valuer, []gorgonia.ValueGrad, error) {
	perEpoch := r.samples / r.batch
	order := rand.New(rand.NewPCG(r.seed, uint64(step/perEpoch))).Perm(r.samples)
	loss := 0.0
	for _, sample := range order[step%perEpoch*r.batch:][:r.batch] {
		x, off := [4]float64{}, 0.3*math.Cos(float64(7*sample))
		for i := range x {
			x[i] = math.Sin(float64(5*sample+i)) / 2
			off += (r.w[i] - float64(i)) * x[i]
		}
		loss += off * off / float64(r.batch)
		for i := range x {
			r.g[i] += 2 * off * x[i] / float64(r.batch)
		}
	}
	return valuer{gorgonia.NewF64(loss)}, r.model, nil
}

// Metric returns the distance from the true weights.
func (r *regression) Metric() (float64, error) {
	return math.Sqrt(math.Pow(r.w[0], 2) + math.Pow(r.w[1]-1, 2) + math.Pow(r.w[2]-2, 2) +
		math.Pow(r.w[3]-3, 2)), nil
}

func (r *regression) State() []gorgonia.Value {
	return append([]gorgonia.Value{r.model[0].Value()}, r.extra...)
}

func (r *regression) Close() error { return nil }

// valuer is a loss.
type valuer struct{ v gorgonia.Value }

func (v valuer) Value() gorgonia.Value { return v.v }

// choice returns a solver with its default number, or with a given number.
func choice(text string) Choice { return MustParseChoices(text)[0] }

// fit trains with a solver.
func fit(t *testing.T, training Training, solver string, opts Options) []Epoch {
	t.Helper()
	epochs, err := Train(t.Context(), training, choice(solver).New(), opts)
	if err != nil {
		t.Fatal(err)
	}
	return epochs
}

// floats returns a copy of all numbers of some values.
func floats(values []gorgonia.Value) []float64 {
	var xs []float64
	for _, v := range values {
		xs = append(xs, optest.Floats(v)...)
	}
	return xs
}

// untimed returns epochs without their times.
func untimed(epochs []Epoch) []Epoch {
	epochs = slices.Clone(epochs)
	for i := range epochs {
		epochs[i].Time, epochs[i].StepTime = 0, 0
	}
	return epochs
}
