package l4_test

import (
	"fmt"
	"math"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
)

// problem is a loss with its gradient, as functions of a slice of all weights. The minimum of the
// loss is zero.
type problem struct {
	shapes [][]int
	start  []float64
	loss   func(w, grad []float64) float64
	falls  float64 // what a solver should at least get the loss down to, as a fraction of the first
}

// problems lists the problems of TestMatrix. A new problem needs one line.
var problems = map[string]problem{
	"quadratic":  {[][]int{{3, 2}, {4}}, ramp(10, 1), quadratic, 0.5},
	"rosenbrock": {[][]int{{2}}, []float64{-1.2, 1}, rosenbrock, 0.5},
	"logistic":   {[][]int{{5}, {1}}, make([]float64, 6), logistic, 0.9},
	"linear net": {[][]int{{3, 2}, {2, 3}}, ramp(12, 2), linearNet, 0.5},
}

func quadratic(w, grad []float64) (loss float64) {
	for i, x := range w {
		c, d := math.Pow(2, float64(i%5)), x-math.Sin(float64(i))
		loss += c * d * d / 2
		grad[i] = c * d
	}
	return loss
}

func rosenbrock(w, grad []float64) float64 {
	valley, slope := w[1]-w[0]*w[0], 1-w[0]
	grad[0], grad[1] = -400*valley*w[0]-2*slope, 200*valley
	return 100*valley*valley + slope*slope
}

// logistic is the mean loss of a linear classifier on points that a plane separates.
func logistic(w, grad []float64) (loss float64) {
	const points = 30
	clear(grad)
	xs := ramp(5*points, 3)
	for p := range points {
		x := xs[5*p : 5*p+5]
		y := math.Copysign(1, x[0]-0.5*x[1]+0.2)
		z := w[5]
		for i, xi := range x {
			z += w[i] * xi
		}
		loss += math.Log1p(math.Exp(-y*z)) / points
		d := -y / (1 + math.Exp(y*z)) / points
		for i, xi := range x {
			grad[i] += d * xi
		}
		grad[5] += d
	}
	return loss
}

// linearNet is ‖W1·W2 - A‖² with W1 of 3 by 2 and W2 of 2 by 3, for an A of rank 2.
func linearNet(w, grad []float64) (loss float64) {
	w1, w2, u, v := w[:6], w[6:], ramp(6, 4), ramp(6, 5)
	clear(grad)
	for i := range 3 {
		for j := range 3 {
			r := w1[2*i]*w2[j] + w1[2*i+1]*w2[3+j] - u[2*i]*v[j] - u[2*i+1]*v[3+j]
			loss += r * r
			for k := range 2 {
				grad[2*i+k] += 2 * r * w2[3*k+j]
				grad[6+3*k+j] += 2 * r * w1[2*i+k]
			}
		}
	}
	return loss
}

// shifted adds a constant to the loss of a problem, and penalised adds a penalty.
func shifted(p problem, by float64) problem {
	loss := p.loss
	p.loss = func(w, grad []float64) float64 { return loss(w, grad) + by }
	return p
}

func penalised(p problem, l1, l2 float64) problem {
	loss := p.loss
	p.loss = func(w, grad []float64) float64 {
		sum := loss(w, grad)
		for i, x := range w {
			sum += l1*math.Abs(x) + l2/2*x*x
			grad[i] += l2 * x
			if x != 0 {
				grad[i] += math.Copysign(l1, x)
			}
		}
		return sum
	}
	return p
}

// everyProblem runs a test in float64 for each problem and solver.
func everyProblem(t *testing.T, test func(t *testing.T, p problem, newSolver newSolver)) {
	for problemName, p := range problems {
		for solverName, newSolver := range solvers {
			t.Run(problemName+"/"+solverName, func(t *testing.T) { test(t, p, newSolver) })
		}
	}
}

// trial is the training of a problem with a solver.
type trial struct {
	t      *testing.T
	p      problem
	model  []*param
	loss   *gorgonia.F64
	solver stepper
	losses []float64
}

// eval sets loss and gradients.
func (tr *trial) eval() {
	w := weightsOf(tr.model)
	grad := make([]float64, len(w))
	*tr.loss = gorgonia.F64(tr.p.loss(w, grad))
	for _, p := range tr.model {
		n := p.w.Shape().TotalSize()
		p.setGrad(grad[:n])
		grad = grad[n:]
	}
}

func (tr *trial) run(steps int) *trial {
	tr.t.Helper()
	for range steps {
		tr.eval()
		tr.losses = append(tr.losses, float64(*tr.loss))
		if err := tr.solver.Step(valueGrads(tr.model)); err != nil {
			tr.t.Fatalf("step %d: %v", len(tr.losses), err)
		}
	}
	return tr
}

func newTrial(
	t *testing.T,
	p problem,
	dt tensor.Dtype,
	newSolver newSolver,
	opts ...l4.Option,
) *trial {
	tr := &trial{t: t, p: p, loss: gorgonia.NewF64(0)}
	at := 0
	for i, shape := range p.shapes {
		n := tensor.Shape(shape).TotalSize()
		tr.model = append(tr.model, newParam(fmt.Sprint("w", i), dt, shape, p.start[at:at+n]))
		at += n
	}
	tr.solver = newSolver(valuer{tr.loss}, opts...)
	return tr
}

// bowl is a loss with its gradient over any model: half the squared distance of the weights from
// their target, with a different curvature for each element.
type bowl struct{ *gorgonia.F64 }

func (b bowl) Value() gorgonia.Value { return b.F64 }

// eval sets the loss and the gradients, scaled by a.
func (b bowl) eval(model []*param, a float64) {
	loss, k := 0.0, 0
	for _, p := range model {
		w := numbers(p.w)
		g := make([]float64, len(w))
		for i, x := range w {
			curvature, target := 1+float64(k%7), math.Sin(float64(k))
			loss += curvature * (x - target) * (x - target) / 2
			g[i] = a * curvature * (x - target)
			k++
		}
		p.setGrad(g)
	}
	*b.F64 = gorgonia.F64(a * loss)
}

func newBowl() bowl { return bowl{gorgonia.NewF64(0)} }
