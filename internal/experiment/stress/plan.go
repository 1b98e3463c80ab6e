package stress

import (
	"context"

	"github.com/pkg/errors"

	"github.com/l4-go/l4/internal/experiment/compare"
)

// Plan is a comparison: one run of each solver on each task with each seed.
type Plan struct {
	Tasks   []Task
	Solvers compare.Choices
	Seeds   []uint64
	Jobs    int // the number of runs at the same time
	// File is a CSV file with the results so far. New results are appended, and a run that is in
	// the file is not made again. "" means no file.
	File string
	// Progress, if not nil, is called after each new run, with the numbers of completed runs and of
	// all runs. Calls do not overlap.
	Progress func(done, all int, r Result)
}

// FirstSeed is the default of the first seed. The constants of L4's bound were not chosen on it or
// on the seeds after it. Earlier tests of the constants used the seeds 401 to 403 and 501 to 505.
const FirstSeed = 701

// SeedsNote says which seeds were used for what.
const SeedsNote = "The constants of L4's bound were chosen on seeds 21 and 22, and two candidates " +
	"were compared on seeds 601 to 603; the tables in the documentation are from seeds 701 to 705."

// place identifies a run by the indices of its task, its solver and its seed.
type place struct{ task, solver, seed int }

// runID identifies a run in the file. It has the task's title, so that results from before a change
// of the task are not used.
type runID struct {
	task, title, solver string
	seed                uint64
}

// Run makes the runs and returns their results, ordered by task, then solver, then seed. If ctx is
// done, it returns the results so far and the error of ctx. It reads or downloads data before the
// first run, and only data that a run needs.
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

// places returns all runs in the order in which they are made: one seed after another, so that an
// interrupted comparison has results of all solvers.
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

// known returns the results that belong to runs of the plan, by place.
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

// load reads the data that the runs need.
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
