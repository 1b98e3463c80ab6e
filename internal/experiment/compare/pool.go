package compare

import (
	"context"
	"sync"

	"golang.org/x/sync/errgroup"
)

// Pool makes runs, several at a time. All functions except Run may be nil. Calls of Save and
// Progress do not overlap.
type Pool[ID comparable, R any] struct {
	Jobs int // the number of runs at the same time, at least 1
	// Prepare is called before the first run, with all runs that Make is going to make.
	Prepare func(ctx context.Context, missing []ID) error
	// Run makes a run. It returns nil if the run has no result. An error ends Make; a result that
	// is returned with an error is not saved.
	Run func(ctx context.Context, id ID) (*R, error)
	// Save is called with each new result.
	Save func(R) error
	// Progress is called after each new result with the number of results so far.
	Progress func(done, all int, r R)
}

// Make makes the runs that have no result, and adds their results to results. If a run fails or ctx
// is done, no other run begins, and Make returns the error.
func (p Pool[ID, R]) Make(ctx context.Context, ids []ID, results map[ID]R) error {
	var missing []ID
	for _, id := range ids {
		if _, ok := results[id]; !ok {
			missing = append(missing, id)
		}
	}
	if p.Prepare != nil {
		if err := p.Prepare(ctx, missing); err != nil {
			return err
		}
	}
	var mu sync.Mutex
	done := len(ids) - len(missing)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(p.Jobs)
	for _, id := range missing {
		group.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			r, err := p.Run(ctx, id)
			if r == nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			results[id] = *r
			done++
			if err == nil && p.Save != nil {
				err = p.Save(*r)
			}
			if p.Progress != nil {
				p.Progress(done, len(ids), *r)
			}
			return err
		})
	}
	return group.Wait()
}
