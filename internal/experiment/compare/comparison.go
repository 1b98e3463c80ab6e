// Package compare compares solvers. It trains each solver on the same tasks with the same seeds,
// several runs at a time, and reports the results. It does not depend on particular tasks.
package compare

import (
	"cmp"
	"context"
	"slices"

	"github.com/pkg/errors"
)

// Comparison is a comparison of solvers: the tasks with their solvers, the seeds, and the results
// so far.
type Comparison struct {
	Tasks []Task
	Seeds []uint64
	Jobs  int // the number of runs at the same time

	Reduce     func() Reduce // makes the Reduce of a run; nil for one process
	Checkpoint *Checkpoint   // from OpenCheckpoint; its file name may be empty
	Progress   Progress

	runs    []Run // in an order that does not depend on Jobs
	results map[Run]Result
}

// Progress follows a comparison.
type Progress interface {
	// Expect is called before runs begin, with these runs.
	Expect(runs []Run)
	// Begin is called before a run. It may set OnStep and OnEpoch of the options. The function that
	// it returns is called after the run, with the run's error.
	Begin(r Run, opts *Options) (end func(error))
}

// Train makes the runs that have no result in this process or in the checkpoint. A run that
// diverges has a result too; it is not an error.
func (c *Comparison) Train(ctx context.Context) error {
	var runs []Run
	for _, seed := range c.Seeds {
		for _, t := range c.Tasks {
			for _, s := range t.Solvers {
				runs = append(runs, Run{t.Name, s, seed})
			}
		}
	}
	return c.makeRuns(ctx, runs)
}

func (c *Comparison) makeRuns(ctx context.Context, runs []Run) error {
	if c.results == nil {
		c.results = map[Run]Result{}
	}
	for _, r := range runs {
		if slices.Contains(c.runs, r) {
			continue
		}
		c.runs = append(c.runs, r)
		if done, ok := c.Checkpoint.Done[r]; ok {
			c.results[r] = done
		}
	}
	pool := Pool[Run, Result]{
		Jobs: c.Jobs, Run: c.run, Save: c.Checkpoint.saveResult,
		Prepare: func(_ context.Context, missing []Run) error {
			c.Progress.Expect(missing)
			return nil
		},
	}
	err := pool.Make(ctx, runs, c.results)
	return cmp.Or(c.Checkpoint.flush(), err)
}

// run makes a run. A run that ends with an error has a result too: its epochs before the error.
func (c *Comparison) run(ctx context.Context, r Run) (*Result, error) {
	t := c.Task(r)
	training, err := Build(func() (Training, error) { return t.Start(r.Seed) })
	if err != nil {
		return nil, errors.WithMessage(err, t.Name)
	}
	defer training.Close()
	opts := Options{Epochs: t.Epochs, EpochSteps: t.EpochSteps}
	if c.Reduce != nil {
		opts.Reduce = c.Reduce()
	}
	c.Checkpoint.begin(r, &opts)
	end := c.Progress.Begin(r, &opts)
	epochs, err := Train(ctx, training, r.Solver.New(), opts)
	end(err)
	result := &Result{Run: r, Epochs: epochs}
	if err == nil {
		result.Shown, err = Show(training)
	}
	if err != nil {
		result.Ended = err.Error()
	}
	if failure := new(Failure); errors.As(err, &failure) && failure.Diverged {
		result.Diverged = true
		return result, nil
	}
	return result, err
}

// Task returns the task of a run.
func (c *Comparison) Task(r Run) Task {
	named := func(t Task) bool { return t.Name == r.Task }
	return c.Tasks[slices.IndexFunc(c.Tasks, named)]
}

// Results returns the results of a solver on a task, in the order of the seeds.
func (c *Comparison) Results(t Task, s Choice) []Result {
	var results []Result
	for _, seed := range c.Seeds {
		if r, ok := c.results[Run{t.Name, s, seed}]; ok {
			results = append(results, r)
		}
	}
	return results
}

// HasEpochs reports whether any run has completed an epoch.
func (c *Comparison) HasEpochs() bool {
	return slices.ContainsFunc(c.runs, func(r Run) bool { return len(c.results[r].Epochs) > 0 })
}
