package programs

import (
	"math/rand/v2"

	G "gorgonia.org/gorgonia"
)

// Each sample is used once, so the outlier does not come back. The author reaches 0.10 to 0.13 from
// six seeds.
var firstOutlier = Program{
	Name: "first-outlier", Title: "Regression with an outlier in the first batch",
	Author: adam(0.01),
	Metric: Metric{Name: "test error", Good: 0.15},
	Steps:  2000,
	New: func(r *rand.Rand, newSolver NewSolver) Train {
		s := noisy(r, 2000*32, surface)
		s.y.data[0] = 300 // all others are below 6
		return s.program(r, newSolver)
	},
}

// In the first third of the steps the net fits its targets but for a little noise, as a value net
// does before the first reward. The author reaches 0.08 to 0.13 from six seeds.
var quietStart = Program{
	Name: "quiet-start", Title: "Regression whose targets are noise near 0 at first",
	Author: adam(0.01),
	Metric: Metric{Name: "test error", Good: 0.15},
	Steps:  3000,
	New: func(r *rand.Rand, newSolver NewSolver) Train {
		s := noisy(r, 4096, surface)
		quiet := table{1, normals(r, s.y.rows(), 0.01)}
		s.predict = func(n *net, x *G.Node) *G.Node {
			return n.quiet(G.Must(G.Tanh(n.dense(x, 24))), 1)
		}
		l := s.learner(r)
		solver := newSolver(l.cost)
		return func(steps int) (float64, error) {
			defer l.vm.Close()
			if err := l.n.fit(l.vm, solver, steps/3, l.feed(s.x, quiet)); err != nil {
				return 0, err
			}
			if err := l.n.fit(l.vm, solver, steps-steps/3, l.feed(s.x, s.y)); err != nil {
				return 0, err
			}
			return l.test()
		}
	},
}
