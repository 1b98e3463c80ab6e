package stress

import (
	"context"
	"runtime"
	"sync"

	"github.com/pkg/errors"
	"golang.org/x/sync/errgroup"
)

// FirstSeed is where seeds begin unless told otherwise.
const FirstSeed = 501

// SeedsNote tells which seeds are fresh.
const SeedsNote = "The constants of L4's bound were tuned on seeds 1 to 3 and 301 to 303, and " +
	"tested on 401 to 403."

// Plan is a comparison: each solver on each task from each seed.
type Plan struct {
	Tasks   []Task
	Solvers []Solver
	Seeds   []uint64
	// Jobs is how many runs are made at a time, by default as many as there are cores.
	Jobs int
	// File is a CSV file with the results so far. Each new one is appended, and a run that is in it
	// is not made again. An empty name stands for none.
	File string
	// Progress, if not nil, is called after each new run with how many of all are done. Calls do
	// not overlap.
	Progress func(done, all int, r Result)
}

// Seeds returns n seeds.
func Seeds(first uint64, n int) (seeds []uint64) {
	for i := range n {
		seeds = append(seeds, first+uint64(i))
	}
	return seeds
}

// runID names a run. The title is in it so that a result of a task that has changed since is not
// taken for a new one's.
type runID struct {
	task, title, solver string
	seed                uint64
}

func (r Result) id() runID { return runID{r.Task, r.Title, r.Solver, r.Seed} }

// Run makes the runs and returns their results by task, then solver, then seed. If the context is
// done it returns those there are, and the context's error. Data is read, or fetched, before the
// first run, and only if a run is made that needs it.
func (p Plan) Run(ctx context.Context) ([]Result, error) {
	store, err := openStore(p.File)
	if err != nil {
		return nil, err
	}
	defer store.close()
	results := make([]*Result, len(p.Tasks)*len(p.Solvers)*len(p.Seeds))
	var missing []place
	p.each(func(at place) {
		id := runID{p.Tasks[at.task].Name, p.Tasks[at.task].Title, p.Solvers[at.solver].Name,
			p.Seeds[at.seed]}
		if r, ok := store.results[id]; ok {
			results[p.index(at)] = &r
		} else {
			missing = append(missing, at)
		}
	})
	if err = p.load(ctx, missing); err == nil {
		err = p.makeRuns(ctx, missing, results, store)
	}
	var made []Result
	for _, r := range results {
		if r != nil {
			made = append(made, *r)
		}
	}
	return made, err
}

// load reads the data of runs.
func (p Plan) load(ctx context.Context, runs []place) error {
	for _, at := range runs {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if t := p.Tasks[at.task]; t.data != nil {
			if _, err := t.data.load(ctx); err != nil {
				return errors.WithMessagef(err, "stress: task %s", t.Name)
			}
		}
	}
	return nil
}

// makeRuns makes runs, and puts each result in its place.
func (p Plan) makeRuns(ctx context.Context, runs []place, results []*Result, store *store) error {
	var mu sync.Mutex
	done := len(results) - len(runs)
	group, ctx := errgroup.WithContext(ctx)
	if group.SetLimit(p.Jobs); p.Jobs <= 0 {
		group.SetLimit(runtime.GOMAXPROCS(0))
	}
	for _, at := range runs {
		group.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			r, err := run(ctx, p.Tasks[at.task], p.Solvers[at.solver], p.Seeds[at.seed])
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			results[p.index(at)] = &r
			done++
			if p.Progress != nil {
				p.Progress(done, len(results), r)
			}
			return store.add(r)
		})
	}
	return group.Wait()
}

// place says which task, solver and seed a run is of.
type place struct{ task, solver, seed int }

// index returns the index of a run's result.
func (p Plan) index(at place) int {
	return (at.task*len(p.Solvers)+at.solver)*len(p.Seeds) + at.seed
}

// each calls f for all runs in the order in which they are made: one seed after another, so that
// what is there after a part of the time is a comparison of all solvers.
func (p Plan) each(f func(at place)) {
	for seed := range p.Seeds {
		for task := range p.Tasks {
			for solver := range p.Solvers {
				f(place{task, solver, seed})
			}
		}
	}
}
