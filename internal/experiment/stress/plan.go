package stress

import (
	"context"

	"github.com/pkg/errors"

	"github.com/l4-go/l4/internal/experiment/compare"
)

// FirstSeed is the default of the first seed. The constants of L4's bound were not chosen on it or
// on the seeds after it. Earlier tests of the constants used the seeds 401 to 403 and 501 to 505.
const FirstSeed = 701

// SeedsNote says which seeds were used for what.
const SeedsNote = "The constants of L4's bound were chosen on seeds 1 to 3, 21 and 22, and 301 " +
	"to 303; tables in the documentation are from seeds 701 to 705."

// Plan is a comparison: each solver on each task from each seed.
type Plan struct {
	Tasks   []Task
	Solvers compare.Choices
	Seeds   []uint64
	Jobs    int // runs at a time
	// File is a CSV file with the results so far. Each new one is appended, and a run that is in it
	// is not made again. An empty name stands for none.
	File string
	// Progress, if not nil, is called after each new run with how many of all are done. Calls do
	// not overlap.
	Progress func(done, all int, r Result)
}

// place says which task, solver and seed a run is of.
type place struct{ task, solver, seed int }

// runID names a run in the file. The title is in it so that a result of a task that has changed
// since is not taken for a new one's.
type runID struct {
	task, title, solver string
	seed                uint64
}

// Run makes the runs and returns their results by task, then solver, then seed. If the context is
// done it returns the results so far, and the context's error. Data is read, or fetched, before the
// first run, and only if a run is made that needs it.
func (p Plan) Run(ctx context.Context) ([]Result, error) {
	earlier, store, err := resultFields.Open(p.File)
	if err != nil {
		return nil, err
	}
	defer store.Close()
	results, places := p.known(earlier), p.places()
	pool := compare.Pool[place, Result]{
		Jobs: p.Jobs, Prepare: p.load, Save: store.Add, Progress: p.Progress,
		Run: func(ctx context.Context, at place) (*Result, error) {
			return run(ctx, p.Tasks[at.task], p.Solvers[at.solver], p.Seeds[at.seed])
		},
	}
	err = pool.Make(ctx, places, results)
	var made []Result
	for task := range p.Tasks {
		for solver := range p.Solvers {
			for seed := range p.Seeds {
				if r, ok := results[place{task, solver, seed}]; ok {
					made = append(made, r)
				}
			}
		}
	}
	return made, err
}

// places returns all runs in the order in which they are made: one seed after another, so that the
// results after a part of the time are a comparison of all solvers.
func (p Plan) places() (places []place) {
	for seed := range p.Seeds {
		for task := range p.Tasks {
			for solver := range p.Solvers {
				places = append(places, place{task, solver, seed})
			}
		}
	}
	return places
}

// known returns the results of the plan's runs.
func (p Plan) known(results []Result) map[place]Result {
	byID := map[runID]Result{}
	for _, r := range results {
		byID[runID{r.Task, r.Title, r.Solver, r.Seed}] = r
	}
	known := map[place]Result{}
	for _, at := range p.places() {
		t := p.Tasks[at.task]
		id := runID{t.Name, t.Title, nameOf(p.Solvers[at.solver]), p.Seeds[at.seed]}
		if r, ok := byID[id]; ok {
			known[at] = r
		}
	}
	return known
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
