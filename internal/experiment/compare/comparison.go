// Package compare compares solvers: it trains each of them on the same tasks from the same seeds,
// some runs at a time, and reports how they did. It knows no particular task.
package compare

import (
	"context"
	"slices"

	"github.com/pkg/errors"
)

// Progress hears how a comparison goes.
type Progress interface {
	// Expect is called with runs that are about to be made.
	Expect(runs []Run)
	// Begin is called before a run. It may set the functions of its options that follow the run,
	// and returns the function that is called after the run, with its error.
	Begin(r Run, opts *Options) (end func(error))
}

// Comparison is solvers on tasks from some seeds, with the results so far.
type Comparison struct {
	Tasks []Task
	Seeds []uint64
	Jobs  int // runs at a time

	Reduce     func() Reduce // makes the Reduce of each run; nil for one process
	Checkpoint *Checkpoint   // from OpenCheckpoint, with a file or without
	Progress   Progress

	runs    []Run // in an order that does not depend on Jobs
	results map[Run]Result
}

// Train makes the runs that neither this process nor the checkpoint has made. A run that diverges
// is a result like any other.
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
	if flushErr := c.Checkpoint.flush(); flushErr != nil {
		return flushErr
	}
	return err
}

// run makes a run. What a run has done before an error is a result, too.
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

// Results returns the results of a solver on a task, by seed.
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
