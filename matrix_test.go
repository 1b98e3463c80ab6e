package l4_test

import (
	"fmt"
	"maps"
	"math"
	"testing"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"

	"github.com/l4-go/l4"
)

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

// TestMatrix: for every problem, dtype, solver and option the loss falls, the same run gives the
// same bits, a batch that is not finite costs nothing but itself, and a run that is saved and
// loaded goes on to the bit.
func TestMatrix(t *testing.T) {
	const steps = 100
	all := maps.Clone(solvers)
	for name, inner := range inners {
		all["L4("+name+")"] = over(func() gorgonia.Solver { return inner(0.1) })
	}
	for problemName, p := range problems {
		for solverName, newSolver := range all {
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
							data, err := saved.solver.MarshalBinary()
							if err != nil {
								return // an inner solver of Gorgonia's
							}
							saved.solver = newSolver(valuer{saved.loss}, opts...)
							if err := saved.solver.UnmarshalBinary(data); err != nil {
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
