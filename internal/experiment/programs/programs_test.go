package programs

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/l4-go/l4"
	"github.com/l4-go/l4/internal/experiment/compare"
)

// train runs a program from seed 1 and returns the metric.
func train(t *testing.T, p Program, steps int, newSolver NewSolver) float64 {
	t.Helper()
	metric, err := p.New(rand.New(rand.NewPCG(1, 0)), newSolver)(steps)
	if err != nil {
		t.Fatalf("%s: %v", p.Name, err)
	}
	return metric
}

// TestAuthorsTrain: the author's solver improves the metric of each program in a twentieth of the
// steps. The program with the rare reward makes all steps.
func TestAuthorsTrain(t *testing.T) {
	for _, p := range All {
		steps := p.Steps / 20
		if p.Name == rareReward.Name {
			steps = p.Steps
		}
		author := func(G.Valuer) G.Solver { return p.Author.New() }
		untrained, trained := train(t, p, 0, author), train(t, p, steps, author)
		if !p.Metric.Better(trained, untrained) {
			t.Errorf("%s: %s %v after %d steps, %v before",
				p.Name, p.Metric.Name, trained, steps, untrained)
		}
	}
}

// watcher is a solver that checks its loss and its model, and rejects each step.
type watcher struct {
	t    *testing.T
	name string
	loss G.Valuer
}

func (w *watcher) SetLoss(loss G.Valuer) { w.loss = loss }

// Step expects that the loss is one number, and that the parameters are in the loss's graph and
// have gradients.
func (w *watcher) Step(model []G.ValueGrad) error {
	loss := w.loss.(*G.Node)
	if v := loss.Value(); v == nil || len(values(v)) != 1 {
		w.t.Errorf("%s: the loss is %v", w.name, v)
	}
	for _, m := range model {
		if n := m.(*G.Node); n.Graph() != loss.Graph() {
			w.t.Errorf("%s: %s and the loss are in different graphs", w.name, n.Name())
		}
		if grad, err := m.Grad(); err != nil || !grad.Shape().Eq(m.Value().Shape()) {
			w.t.Errorf("%s: gradient %v, %v", w.name, grad, err)
		}
	}
	return errors.New("rejected")
}

// TestSolversKnowTheLoss: each solver has the loss that belongs to the gradients, whichever graph
// the step uses. Only the framework hides the loss.
func TestSolversKnowTheLoss(t *testing.T) {
	for _, p := range All {
		train(t, p, 12, func(loss G.Valuer) G.Solver {
			if (loss == nil) != (p.Name == framework.Name) {
				t.Errorf("%s: the loss is %v", p.Name, loss)
			}
			if loss == nil {
				return p.Author.New()
			}
			return &watcher{t, p.Name, loss}
		})
	}
}

// maybeHidden is an L4Adam that gets the loss unless hidden is set.
type maybeHidden struct {
	*l4.L4Adam
	hidden bool
	err    error // the first error of Step other than ErrNonFinite
}

func (s *maybeHidden) SetLoss(loss G.Valuer) {
	if !s.hidden {
		s.L4Adam.SetLoss(loss)
	}
}

func (s *maybeHidden) Step(model []G.ValueGrad) error {
	err := s.L4Adam.Step(model)
	if s.err == nil && !errors.Is(err, l4.ErrNonFinite) {
		s.err = err
	}
	return err
}

// TestHiddenLoss: in each program an L4Adam without SetLoss finds the loss, makes the same steps as
// with SetLoss, and does not reject the graph. Only in lstm it cannot find the loss, because lstm
// uses a Lisp machine.
func TestHiddenLoss(t *testing.T) {
	run := func(p Program, hidden bool) (metric float64, err error) {
		var solvers []*maybeHidden
		metric = train(t, p, 12, func(loss G.Valuer) G.Solver {
			s := &maybeHidden{L4Adam: l4.NewL4Adam(nil), hidden: hidden}
			s.SetLoss(loss)
			solvers = append(solvers, s)
			return s
		})
		for _, s := range solvers {
			err = errors.Join(err, s.err)
		}
		return metric, err
	}
	for _, p := range All {
		want, err := run(p, false)
		got, hiddenErr := run(p, true)
		if err != nil || (hiddenErr != nil) != (p.Name == "lstm") {
			t.Errorf("%s: error %v with SetLoss, %v without", p.Name, err, hiddenErr)
		}
		if got != want && hiddenErr == nil {
			t.Errorf("%s: metric %v with SetLoss, %v without", p.Name, want, got)
		}
	}
}

// TestRunRepeats: the same seed gives the same bits of the metric, however many runs happen at a
// time. In most programs another seed gives another metric.
func TestRunRepeats(t *testing.T) {
	scope := Scope{Programs: All, Solvers: DefaultSolvers[1:2], Seeds: []uint64{1, 2},
		Length: 0.01, Jobs: 1}
	first, err := Run(context.Background(), scope)
	if err != nil {
		t.Fatal(err)
	}
	calls := 0
	scope.Jobs = 4
	scope.Progress = func(Result) { calls++ }
	second, err := Run(context.Background(), scope)
	if err != nil {
		t.Fatal(err)
	}
	if len(first) != 2*len(All) || len(second) != len(first) || calls != len(first) {
		t.Fatalf("%d and %d results, %d calls, want %d", len(first), len(second), calls, 2*len(All))
	}
	for i, r := range first {
		s := second[i]
		same := math.Float64bits(r.Metric) == math.Float64bits(s.Metric)
		if !same || r.Rejected != s.Rejected || r.Err != nil {
			t.Errorf("%s, seed %d: %v, then %v; error %v",
				r.Program.Name, r.Seed, r.Metric, s.Metric, r.Err)
		}
		if want := All[i/2].Name; r.Program.Name != want || r.Seed != uint64(i%2)+1 {
			t.Errorf("result %d belongs to %s, seed %d", i, r.Program.Name, r.Seed)
		}
		want := r.Program.Steps / 100
		if r.Program.Name == "gan" {
			want *= 2
		}
		if r.Steps != want {
			t.Errorf("%s: %d steps, want %d", r.Program.Name, r.Steps, want)
		}
	}
	same := 0
	for i := 0; i < len(first); i += 2 {
		if first[i].Metric == first[i+1].Metric {
			same++
		}
	}
	if same > len(All)/4 { // some programs hardly learn in these few steps
		t.Errorf("%d programs do not depend on the seed", same)
	}
}

// TestRunCountsRejections: the result has the number of errors that Step returned, and the first
// error.
func TestRunCountsRejections(t *testing.T) {
	before := compare.Solvers
	t.Cleanup(func() { compare.Solvers = before })
	compare.Solvers = append(slices.Clone(before), compare.Solver{Name: "rejecting",
		New: func(float64) G.Solver { return &watcher{t: t, name: "xor"} }})
	results, err := Run(context.Background(),
		Scope{Programs: []Program{xor}, Solvers: compare.Choices{{Name: "rejecting"}},
			Seeds: []uint64{1}, Length: 0.002, Jobs: 1})
	if err != nil {
		t.Fatal(err)
	}
	r := results[0]
	if r.Steps != 20 || r.Rejected != 20 {
		t.Errorf("%d of %d steps rejected, want 20", r.Rejected, r.Steps)
	}
	if r.Rejection == nil || r.Rejection.Error() != "step 1: rejected" {
		t.Errorf("first rejection %v", r.Rejection)
	}
}

// TestRunStops: after the context is done, Run does not start further runs.
func TestRunStops(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	scope := Scope{Programs: []Program{xor}, Solvers: DefaultSolvers, Seeds: make([]uint64, 50),
		Length: 0.001, Jobs: 2, Progress: func(Result) { stop() }}
	results, err := Run(ctx, scope)
	if !errors.Is(err, context.Canceled) || len(results) == 0 || len(results) == 4*50 {
		t.Errorf("%d results, %v", len(results), err)
	}
}

// TestRunReports: if the program returns an error, the result has the error but not a metric.
func TestRunReports(t *testing.T) {
	broken := Program{Name: "broken", Steps: 1, New: func(*rand.Rand, NewSolver) Train {
		return func(int) (float64, error) { return 1, errors.New("broken") }
	}}
	results, err := Run(context.Background(),
		Scope{Programs: []Program{broken}, Solvers: DefaultSolvers[:1], Seeds: []uint64{1},
			Length: 1, Jobs: 1})
	if err != nil {
		t.Fatal(err)
	}
	if r := results[0]; r.Err == nil || !math.IsNaN(r.Metric) || r.Success() {
		t.Errorf("metric %v, success %v, error %v", r.Metric, r.Success(), r.Err)
	}
}

// TestNames: the names of the programs differ, and the author's solver is not in the registry.
func TestNames(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range All {
		for _, name := range []string{p.Name, p.Title, p.Author.Title, p.Metric.Name} {
			if name == "" {
				t.Errorf("%s: a name is missing", p.Name)
			}
		}
		if seen[p.Name] {
			t.Errorf("two programs have the name %s", p.Name)
		}
		seen[p.Name] = true
	}
	for _, s := range compare.Solvers {
		if s.Name == AuthorsSolver.Name {
			t.Errorf("the registry has a solver %q", s.Name)
		}
	}
}
