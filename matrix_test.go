package l4_test

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"

	"github.com/pkg/errors"

	"gorgonia.org/gorgonia"

	"github.com/l4-go/l4"
)

// optionMatrix lists each option that changes what a step does. A new option needs one line.
var optionMatrix = []struct {
	name string
	only string // the solver that has the option; "" for all
	opts []l4.Option
}{
	{"defaults", "", nil},
	{"fraction", "", []l4.Option{l4.WithFraction(0.25)}},
	{"minimum loss factor", "", []l4.Option{l4.WithMinLossFactor(0.8)}},
	{"init factor", "", []l4.Option{l4.WithInitFactor(0.5)}},
	{"epsilon", "", []l4.Option{l4.WithEpsilon(1e-9)}},
	{"Adam's epsilon", "L4Adam", []l4.Option{l4.WithAdamEpsilon(1e-3)}},
	{"time scales", "", []l4.Option{l4.WithMomentumTime(5), l4.WithGradientTime(4),
		l4.WithForgetTime(100)}},
	{"variance time", "L4Adam", []l4.Option{l4.WithVarianceTime(100)}},
	{"clip", "", []l4.Option{l4.WithClip(100)}},
	{"clip norm", "", []l4.Option{l4.WithClipNorm(0.5)}},
	{"L1", "", []l4.Option{l4.WithL1Reg(1e-3)}},
	{"L2", "", []l4.Option{l4.WithL2Reg(1e-3)}},
	{"weight decay", "", []l4.Option{l4.WithWeightDecay(1e-4)}},
	{"weight decay of some", "", []l4.Option{l4.WithWeightDecay(1e-3),
		l4.WithWeightDecayOf(func(name string, _ []int) bool { return name == "w0" })}},
	{"weight decay schedule", "", []l4.Option{
		l4.WithWeightDecaySchedule(func(step int) float64 { return 1e-3 / float64(step) })}},
	{"floor", "", []l4.Option{l4.WithLossFloor(-0.01)}},
	{"cap", "", []l4.Option{l4.WithMaxLearnRate(100)}},
	{"cap schedule", "", []l4.Option{
		l4.WithMaxLearnRateSchedule(func(step int) float64 { return 1000 / float64(step) })}},
	{"skip", "", []l4.Option{l4.WithSkipNonFinite(3)}},
	{"wide bound", "", []l4.Option{l4.WithBound(0.3)}},
	{"without bound", "", []l4.Option{l4.WithoutBound()}},
	{"many together", "", []l4.Option{l4.WithClip(50), l4.WithClipNorm(20), l4.WithL1Reg(1e-4),
		l4.WithL2Reg(1e-4), l4.WithWeightDecay(1e-5), l4.WithLossFloor(-0.01),
		l4.WithMaxLearnRate(100)}},
}

// TestMatrix checks every solver and option on every problem in both dtypes.
func TestMatrix(t *testing.T) {
	all := maps.Clone(solvers)
	for name, inner := range inners {
		all["L4("+name+")"] = over(func() gorgonia.Solver { return inner(0.1) })
	}
	for problemName, p := range problems {
		for solverName, newSolver := range all {
			for _, o := range optionMatrix {
				if o.only != "" && o.only != solverName ||
					solverName == "L4(bb)" && o.name == "many together" { // equal gradients: 0/0
					continue
				}
				for _, dt := range dtypes {
					name := fmt.Sprintf("%s/%s/%s/%v", problemName, solverName, o.name, dt)
					t.Run(name, func(t *testing.T) {
						start := func() *trial { return newTrial(t, p, dt, newSolver, o.opts...) }
						want := checkTraining(t, start)
						checkNaN(t, start, want)
						checkResume(t, start, newSolver, o.opts, want)
					})
				}
			}
		}
	}
}

// matrixSteps is the number of steps in a run.
const matrixSteps = 100

// checkTraining checks that the loss falls and returns the weights.
func checkTraining(t *testing.T, start func() *trial) (weights []float64) {
	t.Helper()
	straight := start().run(matrixSteps)
	if n := straight.solver.Last().Step; n != matrixSteps {
		t.Errorf("Last is of step %d, want %d", n, matrixSteps)
	}
	first, least := straight.losses[0], slices.Min(straight.losses)
	if !(least < straight.p.falls*first) {
		t.Errorf("the loss fell from %.3g to no less than %.3g", first, least)
	}
	return weightsOf(straight.model)
}

// checkNaN checks that a batch that is not finite does not change the rest of the training.
func checkNaN(t *testing.T, start func() *trial, want []float64) {
	t.Helper()
	tr := start().run(matrixSteps / 2)
	tr.eval()
	tr.model[0].setGrad(nans(tr.model[0]))
	err := tr.solver.Step(valueGrads(tr.model))
	if skipped := tr.solver.Last().Skipped == 1; skipped == errors.Is(err, l4.ErrNonFinite) {
		t.Errorf("a gradient of NaN: error %v, skipped %v", err, skipped)
	}
	wantEqual(t, weightsOf(tr.run(matrixSteps-matrixSteps/2).model), want)
}

// checkResume checks that a run that is saved and loaded ends with the same bits.
func checkResume(t *testing.T, start func() *trial, newSolver newSolver, opts []l4.Option,
	want []float64) {
	t.Helper()
	tr := start().run(matrixSteps / 2)
	data, err := tr.solver.MarshalBinary()
	if err != nil {
		return // an inner solver of Gorgonia's
	}
	tr.solver = newSolver(valuer{tr.loss}, opts...)
	if err := tr.solver.UnmarshalBinary(data); err != nil {
		t.Fatal(err)
	}
	wantEqual(t, weightsOf(tr.run(matrixSteps-matrixSteps/2).model), want)
}

func nans(p *param) []float64 {
	xs := numbers(p.w)
	for i := range xs {
		xs[i] = math.NaN()
	}
	return xs
}
