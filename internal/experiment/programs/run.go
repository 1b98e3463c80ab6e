package programs

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/errgroup"
	"gorgonia.org/gorgonia"
)

// Result is what became of a run.
type Result struct {
	Program Program
	Solver  Solver
	Seed    uint64

	Metric         float64 // NaN if Err is not nil
	Steps, Refused int     // calls of Step, and those that returned an error
	Refusal        error   // the first of those errors
	Err            error   // why the program ended early
	Time           time.Duration
}

// Success reports whether the run reached what the program's metric asks for.
func (r Result) Success() bool {
	m := r.Program.Metric
	return r.Metric == m.Good || m.Better(r.Metric, m.Good)
}

// Scope says what to run.
type Scope struct {
	Programs []Program
	Solvers  []Solver
	Seeds    []uint64
	Length   float64 // share of each program's steps, 1 for all
	Jobs     int     // runs side by side
	// OnResult, unless nil, is called after each run, in any order but one call at a time.
	OnResult func(Result)
}

// Run runs each program with each solver from each seed, as many at a time as the scope says. The
// results are in the order of programs, solvers and seeds. If ctx ends, those that have not begun
// are left out and its error is returned.
func Run(ctx context.Context, scope Scope) ([]Result, error) {
	var all []Result
	for _, p := range scope.Programs {
		for _, s := range scope.Solvers {
			for _, seed := range scope.Seeds {
				all = append(all, Result{Program: p, Solver: s, Seed: seed})
			}
		}
	}
	done := make(chan int, len(all))
	var group errgroup.Group
	group.SetLimit(scope.Jobs)
	go func() {
		defer close(done)
		for i := range all {
			group.Go(func() error {
				if ctx.Err() == nil {
					all[i].run(scope.Length)
					done <- i
				}
				return nil
			})
		}
		group.Wait()
	}()
	ran := make([]bool, len(all))
	for i := range done {
		ran[i] = true
		if scope.OnResult != nil {
			scope.OnResult(all[i])
		}
	}
	var results []Result
	for i, r := range all {
		if ran[i] {
			results = append(results, r)
		}
	}
	return results, ctx.Err()
}

// run does the run and fills in what became of it.
func (r *Result) run(length float64) {
	start := time.Now()
	steps := max(1, int(math.Round(length*float64(r.Program.Steps))))
	newSolver := r.Solver.New(r.Program)
	building.Lock()
	train := r.Program.New(rand.New(rand.NewPCG(r.Seed, 0)),
		func(loss gorgonia.Valuer) gorgonia.Solver {
			return &counter{Solver: newSolver(loss), result: r}
		})
	building.Unlock()
	if r.Metric, r.Err = train(steps); r.Err != nil {
		r.Metric = math.NaN()
	}
	r.Time = time.Since(start)
}

// counter counts the steps of a solver and those that it refuses.
type counter struct {
	gorgonia.Solver
	result *Result
}

func (c *counter) Step(model []gorgonia.ValueGrad) error {
	err := c.Solver.Step(model)
	c.result.Steps++
	if err != nil {
		c.result.Refused++
		if c.result.Refusal == nil {
			c.result.Refusal = fmt.Errorf("step %d: %w", c.result.Steps, err)
		}
	}
	return err
}

// SetLoss passes the loss on to a solver that asks for it.
func (c *counter) SetLoss(loss gorgonia.Valuer) { setLoss(c.Solver, loss) }
