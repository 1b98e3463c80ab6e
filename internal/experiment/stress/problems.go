package stress

import (
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat"

	"github.com/l4-go/l4/internal/experiment/compare"
)

// regressionTask describes a task to fit a net to noisy values of a random function. Its error is
// the root mean squared distance to the function without noise, in units of the function's standard
// deviation. A model that predicts the mean has an error of 1.
type regressionTask struct {
	name, title  string
	steps, batch int
	inputs       int // 0 means 10
	architecture
	penalty penalty
	noise   func(r *rand.Rand) float64
	linear  bool // the function is linear instead of a net with a hidden layer
}

func (c regressionTask) task(kind string) Task {
	if c.inputs == 0 {
		c.inputs = 10
	}
	title := fmt.Sprintf("%s, %v, batch %d, %d steps", c.title, c.architecture, c.batch, c.steps)
	start := func(seed uint64) (compare.Training, error) {
		return startRegression[float32](c, seed), nil
	}
	return newTask(c.name, title, kind, c.steps, Error, start)
}

func startRegression[T float](c regressionTask, seed uint64) *trainee[T] {
	f := newTeacher(c.inputs, c.linear, random(seed, forTask))
	model := newNet[T](c.architecture, c.inputs, 1, random(seed, forWeights))
	inputs, noise := random(seed, forBatches), random(seed, forNoise)
	const tests = 2000
	testX, testY := make([]T, tests*c.inputs), make([]T, tests)
	sample(f, testX, testY, random(seed^1<<63, forBatches))
	x, y, dy := make([]T, c.batch*c.inputs), make([]T, c.batch), make([]T, max(c.batch, tests))

	t := &trainee[T]{params: model.params()}
	t.forward = func(int) float64 {
		sample(f, x, y, inputs)
		for i := range y {
			y[i] += T(c.noise(noise))
		}
		loss := meanPenalty(c.penalty, model.forward(x, c.batch), y, dy)
		model.backward(dy[:c.batch])
		return loss
	}
	t.test = func() float64 {
		return math.Sqrt(meanPenalty(squared, model.forward(testX, tests), testY, dy))
	}
	return t
}

// teacher is a random function with a standard deviation of 1.
type teacher struct {
	w    [][]float64
	a    []float64
	unit func(float64) float64
}

func newTeacher(inputs int, linear bool, r *rand.Rand) *teacher {
	t := &teacher{unit: func(x float64) float64 { return math.Tanh(2*x) / 0.75 }}
	units := 8
	if linear {
		units, t.unit = 1, func(x float64) float64 { return x }
	}
	for range units {
		w := make([]float64, inputs)
		for i := range w {
			w[i] = r.NormFloat64() / math.Sqrt(float64(inputs))
		}
		t.w, t.a = append(t.w, w), append(t.a, r.NormFloat64())
	}
	x, y := make([]float64, 1000*inputs), make([]float64, 1000)
	sample(t, x, y, r)
	floats.Scale(1/stat.StdDev(y, nil), t.a)
	return t
}

// sample fills x with normal inputs and y with the values of the function.
func sample[T float](t *teacher, x, y []T, r *rand.Rand) {
	width := len(x) / len(y)
	for i := range y {
		row := x[i*width : (i+1)*width]
		for j := range row {
			row[j] = T(r.NormFloat64())
		}
		sum := 0.0
		for k, w := range t.w {
			dot := 0.0
			for j, v := range row {
				dot += w[j] * float64(v)
			}
			sum += t.a[k] * t.unit(dot)
		}
		y[i] = T(sum)
	}
}

// Kinds of noise. Their standard deviations are similar to the function's.

func normalNoise(r *rand.Rand) float64 { return r.NormFloat64() }

// studentNoise draws from Student's distribution with three degrees of freedom.
func studentNoise(r *rand.Rand) float64 {
	square := 0.0
	for range 3 {
		x := r.NormFloat64()
		square += x * x
	}
	return r.NormFloat64() / math.Sqrt(square/3)
}

// outliers draws noise of which a tenth has a standard deviation of 20 and the rest one of 0.1.
func outliers(r *rand.Rand) float64 {
	if x := r.NormFloat64(); r.Float64() < 0.1 {
		return 20 * x
	} else {
		return 0.1 * x
	}
}

func noNoise(*rand.Rand) float64 { return 0 }

// floorTask returns a task to minimise a quadratic plus 1 with noisy gradients. Its error is the
// loss minus 1.
func floorTask(name string, elements, steps int, noise float64) Task {
	title := fmt.Sprintf("1 plus a quadratic of %d variables (error: loss above 1), condition 100, "+
		"noise of deviation %v in the gradients, %d steps", elements, noise, steps)
	return newTask(name, title, floor, steps, Error, func(seed uint64) (compare.Training, error) {
		r, w := random(seed, forNoise), newParam[float32](elements)
		w.normal(random(seed, forWeights), 1)
		return minimise(w, func(w, g []float32) float64 {
			sum := 0.0
			for i, x := range w {
				h := math.Pow(100, float64(i)/float64(max(1, elements-1)))
				sum += h / 2 * float64(x) * float64(x)
				if g != nil {
					g[i] = float32(h*float64(x) + noise*r.NormFloat64())
				}
			}
			return sum
		}), nil
	})
}

// rosenbrockTask returns a task to minimise Rosenbrock's function plus 1. Its error is the loss
// minus 1.
func rosenbrockTask(steps int) Task {
	title := fmt.Sprintf("1 plus Rosenbrock's function (error: loss above 1), %d steps", steps)
	start := func(seed uint64) (compare.Training, error) {
		w := newParam[float64](2)
		w.normal(random(seed, forWeights), 0.1)
		w.w[0] -= 1.2
		w.w[1] += 1
		return minimise(w, func(w, g []float64) float64 {
			a, b := 1-w[0], w[1]-w[0]*w[0]
			if g != nil {
				g[0], g[1] = -2*a-400*b*w[0], 200*b
			}
			return a*a + 100*b*b
		}), nil
	}
	return newTask("rosenbrock", title, floor, steps, Error, start)
}

// minimise returns a trainee that minimises f plus 1 and whose error is f. If g is not nil, f also
// sets the gradient g.
func minimise[T float](w *param[T], f func(w, g []T) float64) *trainee[T] {
	return &trainee[T]{
		params:  []*param[T]{w},
		forward: func(int) float64 { return 1 + f(w.w, w.g) },
		test:    func() float64 { return f(w.w, nil) },
	}
}
