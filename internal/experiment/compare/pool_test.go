package compare

import (
	"context"
	"maps"
	"sync/atomic"
	"testing"

	"github.com/pkg/errors"
)

// TestPool: the pool makes each run without a result once, and at most Jobs runs at a time.
func TestPool(t *testing.T) {
	ids := []int{3, 1, 4, 15, 9, 2, 6}
	var running, made atomic.Int32
	var saved []string
	progress, missing := 0, 0
	pool := Pool[int, string]{
		Jobs: 3,
		Prepare: func(_ context.Context, ids []int) error {
			missing = len(ids)
			return nil
		},
		Run: func(_ context.Context, id int) (*string, error) {
			if n := running.Add(1); n > 3 {
				t.Errorf("%d runs at a time", n)
			}
			defer running.Add(-1)
			made.Add(1)
			r := string(rune('a' + id))
			return &r, nil
		},
		Save: func(r string) error { saved = append(saved, r); return nil },
		Progress: func(done, all int, r string) {
			if progress++; done != progress+2 || all != 7 {
				t.Errorf("%d of %d after %d runs", done, all, progress)
			}
		},
	}
	results := map[int]string{4: "old", 15: "old"}
	if err := pool.Make(t.Context(), ids, results); err != nil {
		t.Fatal(err)
	}
	if made.Load() != 5 || missing != 5 || len(saved) != 5 || progress != 5 {
		t.Errorf("%d runs made of %d, saved %v, %d reported", made.Load(), missing, saved, progress)
	}
	for _, id := range ids {
		want := string(rune('a' + id))
		if id == 4 || id == 15 {
			want = "old"
		}
		if results[id] != want {
			t.Errorf("run %d: %s, want %s", id, results[id], want)
		}
	}
}

// TestPoolEnds: the pool returns the first error of a function or of the context, and then does not
// start further runs. It returns a result that comes with an error, but does not save it.
func TestPoolEnds(t *testing.T) {
	fault := errors.New("fault")
	succeed := func(_ context.Context, id int) (*int, error) { return &id, nil }
	for name, c := range map[string]struct {
		pool    Pool[int, int]
		results map[int]int
	}{
		"prepare": {Pool[int, int]{
			Prepare: func(context.Context, []int) error { return fault }, Run: succeed,
		}, map[int]int{}},
		"run": {Pool[int, int]{
			Run: func(context.Context, int) (*int, error) { return nil, fault },
		}, map[int]int{}},
		"save": {Pool[int, int]{
			Run: succeed, Save: func(int) error { return fault },
		}, map[int]int{0: 0}},
		"run, partially": {Pool[int, int]{
			Run:  func(_ context.Context, id int) (*int, error) { return &id, fault },
			Save: func(id int) error { t.Errorf("run %d is saved", id); return nil },
		}, map[int]int{0: 0}},
	} {
		c.pool.Jobs = 1
		results := map[int]int{}
		err := c.pool.Make(t.Context(), []int{0, 1, 2}, results)
		if !errors.Is(err, fault) || !maps.Equal(results, c.results) {
			t.Errorf("%s: results %v, error %v", name, results, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	pool := Pool[int, int]{Jobs: 1, Run: func(_ context.Context, id int) (*int, error) {
		if id == 1 {
			cancel()
		}
		return &id, nil
	}}
	results := map[int]int{}
	err := pool.Make(ctx, []int{0, 1, 2, 3}, results)
	if err != context.Canceled || len(results) != 2 {
		t.Errorf("cancelled in the second run: %v, error %v", results, err)
	}
}
