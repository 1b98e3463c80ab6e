package programs

import (
	"math"
	"math/rand/v2"
)

// fineTuning measures the training after a change of the task. The author's solver reaches 0.33 to
// 0.44 from six seeds.
var fineTuning = Program{
	Name: "fine-tuning", Title: "Fine-tuning of a trained net on a few samples of a related task",
	Author: adam(1e-3),
	Metric: Metric{Name: "test error, relative to before", Good: 0.5},
	Steps:  600,
	New: func(r *rand.Rand, newSolver NewSolver) Train {
		related := func(x []float64) float64 {
			return 2*math.Sin(2*x[0]+0.3) + x[1]*x[2] - 0.6*x[3]
		}
		return tune(r, newSolver, noisy(r, 4096, surface), noisy(r, 256, related))
	},
}

// continued starts with a loss that is near its minimum but far above zero. The author's solver
// reaches 0.71 to 0.91 from six seeds.
var continued = Program{
	Name: "continued", Title: "Further training of a trained net with a new solver",
	Author: adam(1e-3),
	Metric: Metric{Name: "test error, relative to before", Good: 0.95},
	Steps:  1000,
	New: func(r *rand.Rand, newSolver NewSolver) Train {
		task := noisy(r, 4096, surface)
		return tune(r, newSolver, task, task)
	},
}

// tune first trains a net on one task with Adam 0.01. These steps do not count as the program's
// steps. Then the solver trains the net on the second task. The metric is the mean error of ten
// tests during the solver's training, divided by the error before it. A solver must not lose what
// the net has learned, and must then improve the net.
func tune(r *rand.Rand, newSolver NewSolver, before, after supervised) Train {
	const stepsBefore, tests = 1500, 10
	l := after.learner(r)
	solver := newSolver(l.cost)
	return func(steps int) (float64, error) {
		defer l.vm.Close()
		first := adam(0.01).New()
		if err := l.n.fit(l.vm, first, stepsBefore, l.feed(before.x, before.y)); err != nil {
			return 0, err
		}
		errorBefore, err := l.test()
		if err != nil {
			return 0, err
		}
		sum, feed := 0.0, l.feed(after.x, after.y)
		for i := range tests {
			part := (i+1)*steps/tests - i*steps/tests
			if err := l.n.fit(l.vm, solver, part, feed); err != nil {
				return 0, err
			}
			errorNow, err := l.test()
			if err != nil {
				return 0, err
			}
			sum += errorNow / errorBefore
		}
		return sum / tests, nil
	}
}
