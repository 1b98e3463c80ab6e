package stress

import (
	"context"
	"runtime"
	"sync"

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
// done it returns those there are, and the context's error.
func (p Plan) Run(ctx context.Context) ([]Result, error) {
	store, err := openStore(p.File)
	if err != nil {
		return nil, err
	}
	defer store.close()
	runs := len(p.Tasks) * len(p.Solvers) * len(p.Seeds)
	results := make([]*Result, runs)
	done := 0
	at := func(task, solver, seed int) int {
		return (task*len(p.Solvers)+solver)*len(p.Seeds) + seed
	}
	p.each(func(task, solver, seed int) {
		id := runID{p.Tasks[task].Name, p.Tasks[task].Title, p.Solvers[solver].Name, p.Seeds[seed]}
		if r, ok := store.results[id]; ok {
			results[at(task, solver, seed)] = &r
			done++
		}
	})
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	if group.SetLimit(p.Jobs); p.Jobs <= 0 {
		group.SetLimit(runtime.GOMAXPROCS(0))
	}
	p.each(func(task, solver, seed int) {
		i := at(task, solver, seed)
		if results[i] != nil {
			return
		}
		group.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			r, err := run(ctx, p.Tasks[task], p.Solvers[solver], p.Seeds[seed])
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			results[i] = &r
			done++
			if p.Progress != nil {
				p.Progress(done, runs, r)
			}
			return store.add(r)
		})
	})
	err = group.Wait()
	var made []Result
	for _, r := range results {
		if r != nil {
			made = append(made, *r)
		}
	}
	return made, err
}

// each calls f for all runs in the order in which they are made: one seed after another, so that
// what is there after a part of the time is a comparison of all solvers.
func (p Plan) each(f func(task, solver, seed int)) {
	for seed := range p.Seeds {
		for task := range p.Tasks {
			for solver := range p.Solvers {
				f(task, solver, seed)
			}
		}
	}
}
