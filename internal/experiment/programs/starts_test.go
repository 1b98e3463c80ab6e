package programs

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	G "gorgonia.org/gorgonia"
)

// listener is a solver that appends the loss of each step to losses.
type listener struct {
	G.Solver
	loss   G.Valuer
	losses []float64
}

func (l *listener) Step(model []G.ValueGrad) error {
	l.losses = append(l.losses, values(l.loss.Value())[0])
	return l.Solver.Step(model)
}

// listen runs a program with its author's solver and returns the losses that each of the program's
// solvers saw.
func listen(t *testing.T, p Program, steps int) (losses [][]float64) {
	var solvers []*listener
	train(t, p, steps, func(loss G.Valuer) G.Solver {
		solvers = append(solvers, &listener{Solver: p.Author.New(), loss: loss})
		return solvers[len(solvers)-1]
	})
	for _, s := range solvers {
		losses = append(losses, s.losses)
	}
	return losses
}

// TestStarts: the first batch of firstOutlier has an outlier that does not come back, the quiet
// start lasts for a third of the steps, and selfPlay creates a solver every 200 steps.
func TestStarts(t *testing.T) {
	outlier := listen(t, firstOutlier, firstOutlier.Steps)[0]
	if later := slices.Max(outlier[1:]); outlier[0] < 1000 || later > 20 {
		t.Errorf("loss with the outlier %v, later at most %v", outlier[0], later)
	}
	const steps = 60
	quiet := listen(t, quietStart, steps)[0]
	before, after := slices.Max(quiet[:steps/3]), quiet[steps/3]
	if len(quiet) != steps || before > 0.01 || after < 1 {
		t.Errorf("%d steps: at most %v in the quiet start, then %v", len(quiet), before, after)
	}
	rounds := listen(t, selfPlay, 500)
	if len(rounds) != 3 || len(rounds[0]) != 200 || len(rounds[2]) != 100 {
		t.Errorf("%d rounds, want rounds of 200, 200 and 100 steps", len(rounds))
	}
}

// TestTune: the net is trained before the solver's first step, the metric is 1 without a step, and
// each test during the training counts.
func TestTune(t *testing.T) {
	for _, p := range []Program{fineTuning, continued} {
		if got := train(t, p, 0, func(G.Valuer) G.Solver { return p.Author.New() }); got != 1 {
			t.Errorf("%s: metric %v without a step, want 1", p.Name, got)
		}
	}
	// The error of an untrained net is above 1.5, the deviation of the noise is 0.3.
	if loss := listen(t, continued, 10)[0][0]; loss > 0.3 {
		t.Errorf("first loss %v, want at most 0.3", loss)
	}
	r := rand.New(rand.NewPCG(1, 0))
	s := noisy(r, 320, surface)
	tests := 0
	s.metric = func(_, _ table) float64 { tests++; return float64(tests) }
	newSolver := func(G.Valuer) G.Solver { return sgd(0).New() }
	if got, err := tune(r, newSolver, s, s)(30); err != nil || got != 6.5 || tests != 11 {
		t.Errorf("metric %v, want 6.5, the mean of 2 to 11; %d tests, want 11; error %v",
			got, tests, err)
	}
}

// TestTestLeavesNoGradients: tests during the training do not change the training.
func TestTestLeavesNoGradients(t *testing.T) {
	var errors []float64
	for _, between := range []bool{false, true} {
		r := rand.New(rand.NewPCG(1, 0))
		l := noisy(r, 320, surface).learner(r)
		solver, feed := sgd(0.1).New(), l.feed(l.x, l.y)
		for range 3 {
			if err := l.n.fit(l.vm, solver, 2, feed); err != nil {
				t.Fatal(err)
			}
			if between {
				if _, err := l.test(); err != nil {
					t.Fatal(err)
				}
			}
		}
		last, err := l.test()
		if err != nil {
			t.Fatal(err)
		}
		errors = append(errors, last)
	}
	if errors[0] != errors[1] {
		t.Errorf("error %v without tests during the training, %v with them", errors[0], errors[1])
	}
}

// TestSparseGrid: on the way to the far corner only the last move has a reward, which is 1.
func TestSparseGrid(t *testing.T) {
	g, r := sparseGrid(6), rand.New(rand.NewPCG(1, 0))
	field := g.start(r)
	if field != 0 {
		t.Errorf("start in field %d", field)
	}
	for i := range 10 {
		next, reward, ended := g.move(field, 1+2*(i%2)) // down, right, down, …
		if last := i == 9; ended != last || reward != map[bool]float64{true: 1}[last] {
			t.Errorf("move %d to field %d: reward %v, ended %v", i, next, reward, ended)
		}
		field = next
	}
	if field != g.goal {
		t.Errorf("the last field is %d, the goal is %d", field, g.goal)
	}
}

// TestStones: with the true worth of each position, a player finds the right moves, wins from
// positions that have a right move, and never takes more stones than remain.
func TestStones(t *testing.T) {
	worths, policy := make([]float64, stones), table{cols: mostTaken}
	for i := range worths {
		if worths[i] = 1; (i+1)%4 == 0 {
			worths[i] = -1
		}
	}
	for left := 1; left <= stones; left++ {
		policy.data = append(policy.data, lookAhead(left, worths)...)
	}
	if got := rightMoves(policy); got < 99.9 {
		t.Errorf("%v %% of the moves are right, want 99.9 or more", got)
	}
	even := table{mostTaken, slices.Repeat([]float64{1.0 / 3}, mostTaken*stones)}
	if got := rightMoves(even); math.Abs(got-100.0/3) > 1e-9 {
		t.Errorf("%v %% of random moves are right, want a third", got)
	}
	g := playStones(rand.New(rand.NewPCG(1, 0)), 5000, worths)
	n := g.left.rows()
	if n < 5000 || n > 5000+stones || g.policy.rows() != n || g.result.rows() != n {
		t.Fatalf("%d, %d and %d rows", n, g.policy.rows(), g.result.rows())
	}
	results := make([][]float64, stones)
	for i := range g.left.rows() {
		left := slices.Index(g.left.row(i), 1) + 1
		results[left-1] = append(results[left-1], g.result.data[i])
		for j, p := range g.policy.row(i) {
			if (p > 0) != (j < left) {
				t.Fatalf("%d stones: policy %v", left, g.policy.row(i))
			}
		}
	}
	for i, r := range results {
		sum := 0.0
		for _, x := range r {
			sum += x
		}
		if mean := sum / float64(len(r)); mean*worths[i] < 0.3 || i == 0 && mean != 1 {
			t.Errorf("%d stones: mean result %v of %d games", i+1, mean, len(r))
		}
	}
}
