package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/pkg/errors"
	"golang.org/x/sync/errgroup"

	"github.com/l4-go/l4/dist"
	"github.com/l4-go/l4/internal/experiment/train"
)

// job is all that the user asked for: the runs, and what came out of them.
type job struct {
	settings
	world      *dist.World
	reduce     func() train.Reduce // for each run
	experiment experiment
	variants   []variant
	checkpoint *checkpoint
	closeOut   func() // lets other demos write to --out
	progress   *progress
	grids      []*grid // what the search for rates looks at
	searched   bool    // whether it is over

	mu      sync.Mutex
	runs    []runID // in an order that does not depend on --jobs
	results map[runID]result
}

// runID names a run: a solver on a variant of the experiment, from one start.
type runID struct {
	Variant string
	Solver  solverSpec
	Seed    uint64
}

// result is the outcome of a run.
type result struct {
	Run      runID
	Records  []train.Record
	Ended    string // why the run ended early; "" if it did not
	Diverged bool   // whether it ended early because it diverged
	Shown    string // what the task shows after the whole run; "" if it is no shower
}

// runJob makes an experiment and its report. Errors after the training has begun are failures.
func runJob(
	ctx context.Context, world *dist.World, e experiment, s settings, w io.Writer,
) error {
	if err := s.findData(ctx, world, e, w); err != nil {
		return err
	}
	j, err := newJob(world, e, s, w)
	if err == nil {
		defer j.close()
	}
	if err := world.Agree(err); err != nil {
		return err
	}
	if err := j.checkpoint.share(world); err != nil {
		return err
	}
	ctx, j.reduce = j.together(ctx)
	err = j.train(ctx)
	if world.Rank() == 0 {
		if reportErr := j.report(w); reportErr != nil {
			err = reportErr
		}
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		return failure{err}
	}
	return err
}

// newJob checks all that can be checked before the training, and makes the output folder.
func newJob(world *dist.World, e experiment, s settings, w io.Writer) (*job, error) {
	if n := world.Size(); n > 1 {
		s.fingerprint += fmt.Sprintf(" on %d ranks", n)
	}
	j := &job{
		settings: s, world: world, experiment: e, results: map[runID]result{}, closeOut: func() {},
	}
	vs, err := e.variants(s)
	if err != nil {
		return nil, err
	}
	if j.variants, err = s.choose(vs); err != nil {
		return nil, err
	}
	for i := range j.variants {
		if j.variants[i].solvers == nil {
			j.variants[i].solvers = s.solvers
		}
	}
	if err := j.divide(); err != nil {
		return nil, err
	}
	if world.Rank() == 0 {
		if j.closeOut, err = openOut(j.out, e.name, j.files()...); err != nil {
			return nil, err
		}
	} else {
		s.checkpoint = ""
	}
	if j.checkpoint, err = openCheckpoint(s); err != nil {
		j.closeOut()
		return nil, err
	}
	j.progress = newProgress(w, j)
	return j, nil
}

// close lets other demos use the checkpoint and the output folder.
func (j *job) close() {
	j.checkpoint.close()
	j.closeOut()
}

// train makes all runs: first those of the search for the best rates, if there is one, then those
// to compare.
func (j *job) train(ctx context.Context) error {
	defer j.progress.close()
	if j.grid {
		if err := j.search(ctx); err != nil {
			return err
		}
	}
	var ids []runID
	for restart := range j.restarts {
		for _, v := range j.variants {
			for _, spec := range v.solvers {
				ids = append(ids, runID{v.name, spec, j.seed + uint64(restart)})
			}
		}
	}
	return j.makeRuns(ctx, ids)
}

// makeRuns makes the runs that neither this process nor the checkpoint has made, as many at a time
// as --jobs says. A run that diverges is a result like any other.
func (j *job) makeRuns(ctx context.Context, ids []runID) error {
	var todo []runID
	for _, id := range ids {
		if slices.Contains(j.runs, id) {
			continue
		}
		j.runs = append(j.runs, id)
		if r, ok := j.checkpoint.Done[id]; ok {
			j.results[id] = r
		} else {
			todo = append(todo, id)
		}
	}
	j.progress.expect(todo)
	var group errgroup.Group
	group.SetLimit(j.jobs)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	for _, id := range todo {
		group.Go(func() error {
			err := j.makeRun(ctx, id)
			if err != nil {
				cancel(err)
			}
			return nil
		})
	}
	group.Wait()
	if err := j.checkpoint.flush(); err != nil {
		return err
	}
	return context.Cause(ctx)
}

func (j *job) makeRun(ctx context.Context, id runID) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	v := j.variant(id)
	task, err := train.Build(func() (train.Task, error) { return v.newTask(id.Seed) })
	if err != nil {
		return errors.WithMessage(err, v.name)
	}
	defer task.Close()
	opts := train.Options{Epochs: v.epochs, EpochSteps: v.epochSteps, Reduce: j.reduce()}
	j.checkpoint.begin(id, &opts)
	end := j.progress.begin(id, &opts)
	records, err := train.Run(ctx, task, id.Solver.kind().New(id.Solver.Value), opts)
	end(err)
	r := result{Run: id, Records: records}
	if err == nil {
		r.Shown, err = show(task)
	}
	if err != nil {
		r.Ended, r.Diverged = err.Error(), errors.Is(err, train.ErrDiverged)
	}
	j.mu.Lock()
	j.results[id] = r
	j.mu.Unlock()
	if err != nil && !r.Diverged {
		return err
	}
	return j.checkpoint.saveResult(r)
}

// shower is a task that can show in words what its weights do.
type shower interface{ Show() (string, error) }

func show(task train.Task) (string, error) {
	if s, ok := task.(shard); ok {
		task = s.Task
	}
	if s, ok := task.(shower); ok {
		return s.Show()
	}
	return "", nil
}

func (j *job) variant(id runID) variant {
	named := func(v variant) bool { return v.name == id.Variant }
	return j.variants[slices.IndexFunc(j.variants, named)]
}

// of returns the results of a solver on a variant, from its starts in order.
func (j *job) of(v variant, spec solverSpec) []result {
	var rs []result
	for restart := range j.restarts {
		if r, ok := j.results[runID{v.name, spec, j.seed + uint64(restart)}]; ok {
			rs = append(rs, r)
		}
	}
	return rs
}
