package l4_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/stat"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// classifier is a softmax classifier of 5 inputs and 3 classes, linear or with a hidden layer of
// 4 units, on 200 samples. 30 % of the samples have a random label, so the loss cannot come near 0.
type classifier struct {
	hidden bool
	xs     []float64
	labels []int
	model  []*param
	loss   *gorgonia.F64
}

const classifierIn, classifierHidden, classes, samples = 5, 4, 3, 200

func newClassifier(seed uint64, hidden bool) *classifier {
	r := rand.New(rand.NewPCG(seed, 7))
	normal := func(n int, scale float64) []float64 {
		xs := make([]float64, n)
		for i := range xs {
			xs[i] = scale * r.NormFloat64()
		}
		return xs
	}
	c := &classifier{hidden: hidden, loss: gorgonia.NewF64(0)}
	c.xs = normal(samples*classifierIn, 1)
	teacher := normal(classifierIn*classes, 1)
	for s := range samples {
		scores := make([]float64, classes)
		for i, x := range c.xs[s*classifierIn:][:classifierIn] {
			for k := range classes {
				scores[k] += x * teacher[i*classes+k]
			}
		}
		label := 0
		for k, score := range scores {
			if score > scores[label] {
				label = k
			}
		}
		if r.Float64() < 0.3 {
			label = r.IntN(classes)
		}
		c.labels = append(c.labels, label)
	}
	add := func(rows, columns int) {
		c.model = append(c.model,
			newParam(fmt.Sprint("w", len(c.model)), tensor.Float64, []int{rows, columns},
				normal(rows*columns, 1/math.Sqrt(float64(rows)))),
			newParam(fmt.Sprint("b", len(c.model)), tensor.Float64, []int{columns},
				make([]float64, columns)))
	}
	if hidden {
		add(classifierIn, classifierHidden)
		add(classifierHidden, classes)
	} else {
		add(classifierIn, classes)
	}
	return c
}

// eval computes the mean loss of the samples from lo to hi, and its gradients.
func (c *classifier) eval(lo, hi int) float64 {
	var ws, gs [][]float64
	for _, p := range c.model {
		ws = append(ws, p.w.(*tensor.Dense).Float64s())
		g := p.g.(*tensor.Dense).Float64s()
		clear(g)
		gs = append(gs, g)
	}
	total, n := 0.0, float64(hi-lo)
	for s := lo; s < hi; s++ {
		x := c.xs[s*classifierIn:][:classifierIn]
		h, last := x, 0
		if c.hidden {
			h, last = affine(x, ws[0], ws[1]), 2
			for i := range h {
				h[i] = math.Tanh(h[i])
			}
		}
		z := affine(h, ws[last], ws[last+1])
		largest, sum := max(z[0], z[1], z[2]), 0.0
		for k := range z {
			sum += math.Exp(z[k] - largest)
		}
		logSum := largest + math.Log(sum)
		total += logSum - z[c.labels[s]]
		for k := range z {
			z[k] = math.Exp(z[k]-logSum) / n
		}
		z[c.labels[s]] -= 1 / n
		dh := affineGrad(h, z, ws[last], gs[last], gs[last+1])
		if c.hidden {
			for i := range dh {
				dh[i] *= 1 - h[i]*h[i]
			}
			affineGrad(x, dh, ws[0], gs[0], gs[1])
		}
	}
	*c.loss = gorgonia.F64(total / n)
	return total / n
}

// affine returns x·w + b.
func affine(x, w, b []float64) []float64 {
	y := append([]float64{}, b...)
	for i, xi := range x {
		for k := range y {
			y[k] += xi * w[i*len(y)+k]
		}
	}
	return y
}

// affineGrad gets the gradient of the result of affine. It adds to the gradients of w and b, and
// returns the gradient of x.
func affineGrad(x, dy, w, gw, gb []float64) []float64 {
	dx := make([]float64, len(x))
	for i, xi := range x {
		for k, d := range dy {
			gw[i*len(dy)+k] += xi * d
			dx[i] += w[i*len(dy)+k] * d
		}
	}
	for k, d := range dy {
		gb[k] += d
	}
	return dx
}

func (c *classifier) setWeights(ws []float64) {
	for _, p := range c.model {
		n := p.w.Shape().TotalSize()
		p.setWeight(ws[:n])
		ws = ws[n:]
	}
}

// train makes steps on batches, in order. It returns the largest loss and the last loss of all
// samples.
func (c *classifier) train(t *testing.T, s gorgonia.Solver, steps, batch int) (largest,
	last float64) {
	t.Helper()
	for i := range steps {
		if batch < samples && i%20 == 0 {
			largest = max(largest, c.eval(0, samples))
		}
		lo := i * batch % samples
		loss := c.eval(lo, lo+batch)
		if batch == samples {
			largest = max(largest, loss)
		}
		if err := s.Step(valueGrads(c.model)); err != nil {
			t.Fatal(err)
		}
	}
	return largest, c.eval(0, samples)
}

func adam(rate float64) gorgonia.Solver {
	return gorgonia.NewAdamSolver(gorgonia.WithLearnRate(rate))
}

// TestFineTuning: a new solver does not ruin trained weights, although the loss is well above 0 and
// the gradient is nearly 0, so that the paper's rule would make long steps.
func TestFineTuning(t *testing.T) {
	const before, after = 1000, 500
	for _, c := range []struct {
		name         string
		hidden       bool
		batch, seeds int
		mean, most   float64 // largest allowed rise of the loss, on average and for one seed
	}{
		{"linear", false, samples, 3, 1.001, 1.001},
		{"linear, batches", false, samples / 10, 3, 1.001, 1.001},
		{"net", true, samples, 12, 1.2, 1.3},
		{"net, batches", true, samples / 10, 3, 1.2, 1.2},
	} {
		rises := map[string][]float64{} // largest loss divided by the trained weights' loss
		for seed := range uint64(c.seeds) {
			model := newClassifier(seed, c.hidden)
			model.train(t, adam(1e-2), before, c.batch)
			trained, weights := model.eval(0, samples), weightsOf(model.model)
			_, adams := model.train(t, adam(1e-2), after, c.batch)
			for name, newSolver := range solvers {
				model.setWeights(weights)
				largest, last := model.train(t, newSolver(valuer{model.loss}), after, c.batch)
				rises[name] = append(rises[name], largest/trained)
				if last > 1.05*adams {
					t.Errorf("%s, seed %d: %s ends at %v, Adam at %v", c.name, seed, name, last,
						adams)
				}
			}
		}
		for name, rises := range rises {
			mean, most := stat.GeometricMean(rises, nil), slices.Max(rises)
			t.Logf("%s, %s: the loss rises to %.4f times the trained weights' loss on average, "+
				"and at most to %.4f times", c.name, name, mean, most)
			if mean > c.mean || most > c.most {
				t.Errorf("%s, %s: the loss rises too far", c.name, name)
			}
		}
	}
}
