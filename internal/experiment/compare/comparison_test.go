package compare

import (
	"context"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/pkg/errors"
)

// heard is a Progress that collects its calls.
type heard struct {
	mu       sync.Mutex
	expected []Run
	begun    []Run
	ended    []error
	onEpoch  func(Epoch)
}

func (h *heard) Expect(runs []Run) { h.expected = append(h.expected, runs...) }

func (h *heard) Begin(r Run, opts *Options) func(error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.begun = append(h.begun, r)
	opts.OnEpoch = h.onEpoch
	return func(err error) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.ended = append(h.ended, err)
	}
}

// regressions returns a comparison on two tasks from two seeds.
func regressions(t *testing.T, solvers string, file string) (*Comparison, *heard) {
	t.Helper()
	checkpoint, err := OpenCheckpoint(file, "settings", true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(checkpoint.Close)
	h := new(heard)
	c := &Comparison{Seeds: Seeds(1, 2), Jobs: 2, Checkpoint: checkpoint, Progress: h}
	for _, batch := range []int{4, 8} {
		c.Tasks = append(c.Tasks, Task{
			Name: fmt.Sprint("batch ", batch), Title: fmt.Sprint("Batches of ", batch),
			Epochs: 8, EpochSteps: 40 / batch,
			Start: func(seed uint64) (Training, error) {
				return newRegression(40, batch, seed), nil
			},
			Solvers: MustParseChoices(solvers),
		})
	}
	return c, h
}

// train trains a comparison without errors.
func train(t *testing.T, c *Comparison) {
	t.Helper()
	if err := c.Train(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// all returns the results of a comparison, without times.
func all(c *Comparison) map[Run]Result {
	results := map[Run]Result{}
	for r, result := range c.results {
		result.Epochs = untimed(result.Epochs)
		results[r] = result
	}
	return results
}

// TestComparison: the results do not depend on the number of jobs, each run is reported, and a run
// that diverges has a result like other runs.
func TestComparison(t *testing.T) {
	const solvers = "l4adam,adam,sgd:9e5"
	one, _ := regressions(t, solvers, "")
	one.Jobs = 1
	train(t, one)
	many, h := regressions(t, solvers, "")
	many.Jobs = 5
	train(t, many)
	if !reflect.DeepEqual(all(one), all(many)) || !reflect.DeepEqual(one.runs, many.runs) {
		t.Errorf("%v with one job, %v with many", all(one), all(many))
	}
	if len(one.runs) != 12 || len(h.expected) != 12 || len(h.begun) != 12 || len(h.ended) != 12 {
		t.Errorf("%d runs, %d expected, %d begun, %d ended", len(one.runs), len(h.expected),
			len(h.begun), len(h.ended))
	}
	diverging := choice("sgd:9e5")
	for _, task := range many.Tasks {
		for _, s := range task.Solvers {
			results := many.Results(task, s)
			if len(results) != 2 || results[0].Run.Seed != 1 || results[1].Run.Seed != 2 {
				t.Fatalf("%s, %v: %v", task.Name, s, results)
			}
			for _, r := range results {
				diverged := s == diverging
				if r.Diverged != diverged || (r.Ended != "") != diverged ||
					(len(r.Epochs) == 8) == diverged {
					t.Errorf("%s, %v: %+v", task.Name, s, r)
				}
			}
		}
	}
	if !many.HasEpochs() || new(Comparison).HasEpochs() {
		t.Error("HasEpochs is wrong")
	}
}

// TestComparisonResumes: a comparison that is interrupted again and again ends with the results of
// an undisturbed comparison, and does not repeat an epoch of L4.
func TestComparisonResumes(t *testing.T) {
	const solvers = "l4adam,adam,l4mom"
	straight, _ := regressions(t, solvers, "")
	train(t, straight)
	file := filepath.Join(t.TempDir(), "checkpoint")
	epochs, interrupts := 0, 0
	for {
		c, h := regressions(t, solvers, file)
		ctx, cancel := context.WithCancel(t.Context())
		seen := 0
		var mu sync.Mutex
		h.onEpoch = func(Epoch) {
			mu.Lock()
			defer mu.Unlock()
			if seen++; seen == 9 {
				cancel()
			}
		}
		err := c.Train(ctx)
		cancel()
		c.Checkpoint.Close()
		epochs += seen
		if err == nil {
			if !reflect.DeepEqual(all(c), all(straight)) {
				t.Errorf("%v, want %v", all(c), all(straight))
			}
			break
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		interrupts++
	}
	if most := 12*8 + 2*7*interrupts; interrupts < 3 || epochs > most { // Adam begins anew
		t.Errorf("%d epochs with %d interrupts, want at most %d", epochs, interrupts, most)
	}
	c, h := regressions(t, solvers, file)
	if train(t, c); len(h.begun) > 0 {
		t.Errorf("%d runs of the checkpoint were repeated", len(h.begun))
	}
	if !reflect.DeepEqual(all(c), all(straight)) {
		t.Errorf("from the checkpoint %v, want %v", all(c), all(straight))
	}
}

// talkative is a training whose Show returns a text or an error.
type talkative struct {
	*regression
	err error
}

func (s talkative) Show() (string, error) { return "shown", s.err }

// TestComparisonShows: the text that a training shows is in its result.
func TestComparisonShows(t *testing.T) {
	fault := errors.New("fault")
	for _, want := range []error{nil, fault} {
		c, _ := regressions(t, "l4adam", "")
		c.Tasks[0].Start = func(seed uint64) (Training, error) {
			return talkative{newRegression(40, 4, seed), want}, nil
		}
		err := c.Train(t.Context())
		if !errors.Is(err, want) {
			t.Errorf("error %v, want %v", err, want)
		}
		if r := c.Results(c.Tasks[0], c.Tasks[0].Solvers[0]); want == nil && r[0].Shown != "shown" {
			t.Errorf("%+v", r)
		}
	}
}

// TestComparisonFails: a task that cannot start and a solver that fails without divergence are
// errors. The epochs before the error are a result.
func TestComparisonFails(t *testing.T) {
	fault := errors.New("fault")
	c, _ := regressions(t, "l4adam", "")
	c.Tasks[1].Start = func(uint64) (Training, error) { return nil, fault }
	if err := c.Train(t.Context()); !errors.Is(err, fault) || err.Error() != "batch 8: fault" {
		t.Errorf("error %v", err)
	}
	register(t, Solver{Name: "broken", Title: "Broken", New: newBroken})
	c, h := regressions(t, "broken", "")
	c.Jobs = 1
	err := c.Train(t.Context())
	if err == nil || !strings.Contains(err.Error(), "compare: step 12: broken") {
		t.Errorf("error %v", err)
	}
	r := c.Results(c.Tasks[0], c.Tasks[0].Solvers[0])
	if len(r) != 1 || len(r[0].Epochs) != 1 || r[0].Ended == "" || r[0].Diverged {
		t.Errorf("%+v", r)
	}
	if len(h.ended) != 1 || h.ended[0] != err {
		t.Errorf("ended with %v", h.ended)
	}
}
