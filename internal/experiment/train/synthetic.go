package train

import (
	"math"
	"math/rand/v2"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/experiment/nn"
)

// Synthetic is a problem of a few weights in float64 whose loss is a formula. Most are the quadratic
// Σ λᵢ·wᵢ²/2 of 20 weights, standard normal at the start, with λ from 1 to 100, and something that is hard on L4.
type Synthetic struct {
	Name, Title string
	Steps       int
	Least       float64 // the least possible loss, on average where there is noise
	Start       func(r *rand.Rand) []float64
	// Loss returns the loss of a step, counted from 0, and writes the gradient.
	Loss func(step int, r *rand.Rand, w, grad []float64) float64
}

const (
	size      = 20
	condition = 100

	// The noise's size and bound are such that the quadratic with a constant stays above zero: its least value
	// is 1 - (noise·bound)²/2·Σ 1/λᵢ, and the sum is 4.6.
	noise      = 0.2
	noiseBound = 3
)

// SyntheticProblems are the hard problems that need no data.
var SyntheticProblems = []Synthetic{
	{Name: "quadratic-constant", Title: "Quadratic + 1", Steps: 4000, Least: 1, Start: normalStart,
		Loss: func(_ int, _ *rand.Rand, w, grad []float64) float64 { return 1 + quadratic(w, grad) }},
	{Name: "quadratic-noise", Title: "Quadratic + 1 with noise in the gradient", Steps: 10_000, Least: 1, Start: normalStart,
		Loss: func(_ int, r *rand.Rand, w, grad []float64) float64 {
			return 1 + quadratic(w, grad) + linearNoise(r, w, grad)
		}},
	{Name: "rosenbrock", Title: "Rosenbrock + 1", Steps: 20_000, Least: 1,
		Start: func(*rand.Rand) []float64 { return []float64{-1.2, 1} },
		Loss:  func(_ int, _ *rand.Rand, w, grad []float64) float64 { return 1 + rosenbrock(w, grad) }},
	disturbed("quadratic-zeros-30", "Quadratic, gradient 0 in 30 steps", nil, inSteps(100, 130, 0)),
	disturbed("quadratic-zeros-200", "Quadratic, gradient 0 in 200 steps", nil, inSteps(100, 300, 0)),
	disturbed("quadratic-gradient-spikes", "Quadratic, gradient ×1000 in every 97th step", nil, every(97, 1000)),
	disturbed("quadratic-loss-spikes", "Quadratic, loss ×1e6 in every 500th step", every(500, 1e6), nil),
}

// Task is the task from a start that depends on the seed, as the noise does. An epoch is epochSteps steps.
func (p Synthetic) Task(seed uint64, epochSteps int) *Task {
	g := G.NewGraph()
	start := p.Start(rand.New(rand.NewPCG(seed, 0)))
	w := G.NewVector(g, G.Float64, G.WithName("w"), G.WithShape(len(start)), G.WithValue(tensor.New(tensor.WithBacking(start))))
	step := 0
	loss := G.Must(nn.FunctionLoss(w, func(w, grad []float64) float64 {
		return p.Loss(step, rand.New(rand.NewPCG(seed, uint64(step)+1)), w, grad)
	}))
	return &Task{Graph: g, Loss: loss, Weights: G.Nodes{w}, EpochSteps: epochSteps, Next: func(s int) { step = s }}
}

func normalStart(r *rand.Rand) []float64 { return normals(size, r) }

// quadratic is the one that Synthetic tells of.
func quadratic(w, grad []float64) float64 {
	loss := 0.0
	for i, x := range w {
		lambda := math.Pow(condition, float64(i)/float64(len(w)-1))
		loss += lambda * x * x / 2
		grad[i] = lambda * x
	}
	return loss
}

// linearNoise is ξᵀw with normal ξ, cut off at the bound. It adds ξ to the gradient.
func linearNoise(r *rand.Rand, w, grad []float64) float64 {
	loss := 0.0
	for i, x := range w {
		xi := noise * max(-noiseBound, min(r.NormFloat64(), noiseBound))
		loss += xi * x
		grad[i] += xi
	}
	return loss
}

func rosenbrock(w, grad []float64) float64 {
	a, b := 1-w[0], w[1]-w[0]*w[0]
	grad[0], grad[1] = -2*a-400*w[0]*b, 200*b
	return a*a + 100*b*b
}

// disturbed is the quadratic with its loss and its gradient multiplied by factors, where they are not nil.
func disturbed(name, title string, lossFactor, gradFactor func(step int) float64) Synthetic {
	return Synthetic{Name: name, Title: title, Steps: 4000, Start: normalStart,
		Loss: func(step int, _ *rand.Rand, w, grad []float64) float64 {
			loss := quadratic(w, grad)
			if gradFactor != nil {
				for i := range grad {
					grad[i] *= gradFactor(step)
				}
			}
			if lossFactor != nil {
				loss *= lossFactor(step)
			}
			return loss
		}}
}

// inSteps is x in a range of steps and 1 elsewhere.
func inSteps(from, to int, x float64) func(int) float64 {
	return func(step int) float64 {
		if step >= from && step < to {
			return x
		}
		return 1
	}
}

// every is x in every n-th step but the first and 1 elsewhere.
func every(n int, x float64) func(int) float64 {
	return func(step int) float64 {
		if step > 0 && step%n == 0 {
			return x
		}
		return 1
	}
}
