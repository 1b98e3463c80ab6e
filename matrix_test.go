package l4_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
)

// problem is a loss with its gradient, of weights end to end. Its minimum is zero.
type problem struct {
	shapes [][]int
	start  []float64
	loss   func(w, grad []float64) float64
	falls  float64 // what a solver should at least get the loss down to, as a fraction of the first
}

// problems, solverMatrix and optionMatrix span the matrix of TestMatrix. What is new joins by one
// line.
var problems = map[string]problem{
	"quadratic":  {[][]int{{3, 2}, {4}}, ramp(10, 1), quadratic, 0.5},
	"rosenbrock": {[][]int{{2}}, []float64{-1.2, 1}, rosenbrock, 0.5},
	"logistic":   {[][]int{{5}, {1}}, make([]float64, 6), logistic, 0.9},
	"linear net": {[][]int{{3, 2}, {2, 3}}, ramp(12, 2), linearNet, 0.5},
}

var solverMatrix = map[string]newSolver{
	"L4Adam":  solvers["L4Adam"],
	"L4Mom":   solvers["L4Mom"],
	"L4(own)": solvers["L4"],
	"L4(vanilla)": over(
		func() gorgonia.Solver { return gorgonia.NewVanillaSolver(gorgonia.WithLearnRate(0.1)) },
	),
	"L4(moment)": over(
		func() gorgonia.Solver { return gorgonia.NewMomentum(gorgonia.WithLearnRate(0.1)) },
	),
	"L4(rmsprop)": over(func() gorgonia.Solver { return gorgonia.NewRMSPropSolver() }),
	"L4(adam)":    over(func() gorgonia.Solver { return gorgonia.NewAdamSolver() }),
	"L4(adagrad)": over(func() gorgonia.Solver { return gorgonia.NewAdaGradSolver() }),
	"L4(bb)":      over(func() gorgonia.Solver { return gorgonia.NewBarzilaiBorweinSolver() }),
	"L4(L4Mom)": over(func() gorgonia.Solver {
		return l4.NewL4Mom(valuer{gorgonia.NewF64(1)})
	}),
}

var optionMatrix = map[string][]l4.Option{
	"defaults":      nil,
	"fraction":      {l4.WithFraction(0.25)},
	"time scales":   {l4.WithMomentumTime(5), l4.WithGradientTime(4), l4.WithForgetTime(100)},
	"clip":          {l4.WithClip(100)},
	"clip norm":     {l4.WithClipNorm(0.5)},
	"L1":            {l4.WithL1Reg(1e-3)},
	"L2":            {l4.WithL2Reg(1e-3)},
	"weight decay":  {l4.WithWeightDecay(1e-4)},
	"floor":         {l4.WithLossFloor(-0.01)},
	"cap":           {l4.WithMaxLearnRate(100)},
	"skip":          {l4.WithSkipNonFinite(3)},
	"wide bound":    {l4.WithBound(0.3)},
	"without bound": {l4.WithoutBound()},
	"many together": {
		l4.WithClip(50),
		l4.WithClipNorm(20),
		l4.WithL1Reg(1e-4),
		l4.WithL2Reg(1e-4),
		l4.WithWeightDecay(1e-5),
		l4.WithLossFloor(-0.01),
		l4.WithMaxLearnRate(100),
	},
}

func over(inner func() gorgonia.Solver) newSolver {
	return func(loss gorgonia.Valuer, opts ...l4.Option) stepper {
		return l4.New(loss, inner(), opts...)
	}
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

// trial is a solver at work on a problem.
type trial struct {
	t      *testing.T
	p      problem
	model  []*param
	loss   *gorgonia.F64
	solver stepper
	losses []float64
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

// TestMatrix: for every problem, dtype, solver and option the loss falls, the same run gives the
// same bits, a batch that is not finite costs nothing but itself, and a run that is saved and
// loaded goes on to the bit.
func TestMatrix(t *testing.T) {
	const steps = 100
	for problemName, p := range problems {
		for solverName, newSolver := range solverMatrix {
			for optionName, opts := range optionMatrix {
				if solverName == "L4(bb)" && optionName == "many together" {
					continue // two gradients clipped to one leave its step 0/0
				}
				for _, dt := range dtypes {
					t.Run(
						fmt.Sprintf("%s/%s/%s/%v", problemName, solverName, optionName, dt),
						func(t *testing.T) {
							recorded := 0
							opts := append(
								[]l4.Option{l4.WithRecorder(func(l4.Info) { recorded++ })},
								opts...)
							start := func() *trial { return newTrial(t, p, dt, newSolver, opts...) }
							straight := start().run(steps)
							want := weightsOf(straight.model)
							if recorded != steps || straight.solver.Last().Step != steps {
								t.Errorf(
									"%d steps recorded, Last says %d, want %d",
									recorded,
									straight.solver.Last().Step,
									steps,
								)
							}
							least := math.Inf(1)
							for _, x := range straight.losses {
								least = min(least, x)
							}
							if !(least < p.falls*straight.losses[0]) {
								t.Errorf(
									"the loss fell from %.3g to no less than %.3g",
									straight.losses[0],
									least,
								)
							}

							broken := start().run(steps / 2)
							broken.eval()
							broken.model[0].setGrad(nans(broken.model[0]))
							err := broken.solver.Step(valueGrads(broken.model))
							if skipped := broken.solver.Last().Skipped == 1; skipped == errors.Is(
								err,
								l4.ErrNonFinite,
							) {
								t.Errorf("a gradient of NaN: error %v, skipped %v", err, skipped)
							}
							wantEqual(t, weightsOf(broken.run(steps-steps/2).model), want)

							saved := start().run(steps / 2)
							data, err := saved.solver.(saver).MarshalBinary()
							if err != nil {
								return // an inner solver of Gorgonia's
							}
							saved.solver = newSolver(valuer{saved.loss}, opts...)
							if err := saved.solver.(saver).UnmarshalBinary(data); err != nil {
								t.Fatal(err)
							}
							wantEqual(t, weightsOf(saved.run(steps-steps/2).model), want)
						},
					)
				}
			}
		}
	}
}

func nans(p *param) []float64 {
	xs := numbers(p.w)
	for i := range xs {
		xs[i] = math.NaN()
	}
	return xs
}
