package programs

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"gorgonia.org/gorgonia"

	"github.com/l4-go/l4/internal/experiment/compare"
)

// AuthorsSolver stands for the solver of each program's author. The reports compare the other
// solvers with it. Unlike the other choices, AuthorsSolver is not in the registry.
var AuthorsSolver = compare.Choice{Name: "author"}

// DefaultSolvers are the solvers that the demo compares by default.
var DefaultSolvers = append(compare.Choices{AuthorsSolver},
	compare.MustParseChoices("l4adam,l4mom,gorgonia-adam")...)

// Result is the outcome of a run.
type Result struct {
	Program Program
	Solver  compare.Choice
	Seed    uint64

	Metric          float64 // NaN if Err is not nil
	Steps, Rejected int     // calls of Step, and calls that returned an error
	Rejection       error   // the first error that Step returned
	Err             error   // why the program ended early
	Time            time.Duration
}

// Success reports whether the run's metric is at least as good as Metric.Good.
func (r Result) Success() bool {
	m := r.Program.Metric
	return r.Metric == m.Good || m.Better(r.Metric, m.Good)
}

// Scope says what to run.
type Scope struct {
	Programs []Program
	Solvers  compare.Choices
	Seeds    []uint64
	Length   float64 // share of each program's steps to make; 1 makes all steps
	Jobs     int     // number of runs at a time
	// Run calls Progress, unless it is nil, after each run: in any order, but one call at a time.
	Progress func(Result)
}

// Run runs each program with each solver from each seed. The results are in the order of programs,
// solvers and seeds. If ctx is done, Run leaves out the runs that have not begun, and returns the
// error of ctx.
func Run(ctx context.Context, scope Scope) ([]Result, error) {
	var all []Result
	var runs []int
	for _, p := range scope.Programs {
		for _, s := range scope.Solvers {
			for _, seed := range scope.Seeds {
				runs = append(runs, len(all))
				all = append(all, Result{Program: p, Solver: s, Seed: seed})
			}
		}
	}
	pool := compare.Pool[int, Result]{
		Jobs: scope.Jobs,
		Run: func(_ context.Context, i int) (*Result, error) {
			r := all[i]
			r.run(scope.Length)
			return &r, nil
		},
		Progress: func(_, _ int, r Result) {
			if scope.Progress != nil {
				scope.Progress(r)
			}
		},
	}
	made := map[int]Result{}
	err := pool.Make(ctx, runs, made)
	var results []Result
	for _, i := range runs {
		if r, ok := made[i]; ok {
			results = append(results, r)
		}
	}
	return results, err
}

// run runs the program and sets the fields of the outcome.
func (r *Result) run(length float64) {
	start := time.Now()
	steps := max(1, int(math.Round(length*float64(r.Program.Steps))))
	train, _ := compare.Build(func() (Train, error) {
		return r.Program.New(rand.New(rand.NewPCG(r.Seed, 0)), r.newSolver), nil
	})
	var err error
	if r.Metric, err = train(steps); err != nil {
		r.Metric, r.Err = math.NaN(), err
	}
	r.Time = time.Since(start)
}

// newSolver creates the run's solver.
func (r *Result) newSolver(loss gorgonia.Valuer) gorgonia.Solver {
	if r.Solver == AuthorsSolver {
		return &counter{r.Program.Author.New(), r}
	}
	solver := r.Solver.New().Solver
	compare.SetLoss(solver, loss)
	return &counter{solver, r}
}

// counter counts a solver's steps and the steps that the solver rejects.
type counter struct {
	gorgonia.Solver
	result *Result
}

func (c *counter) Step(model []gorgonia.ValueGrad) error {
	err := c.Solver.Step(model)
	c.result.Steps++
	if err != nil {
		c.result.Rejected++
		if c.result.Rejection == nil {
			c.result.Rejection = fmt.Errorf("step %d: %w", c.result.Steps, err)
		}
	}
	return err
}

// SetLoss passes the loss to the solver if the solver reads losses.
func (c *counter) SetLoss(loss gorgonia.Valuer) { compare.SetLoss(c.Solver, loss) }
