package compare

import (
	"math"
	"strings"
	"testing"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"

	"github.com/l4-go/l4"
)

// script is a task whose losses, metrics and errors are given.
type script struct {
	losses    []float64
	metrics   []float64
	runErr    map[int]error
	metricErr error
	steps     []int // that Run was called for
}

func (s *script) Run(step int) (gorgonia.Valuer, []gorgonia.ValueGrad, error) {
	s.steps = append(s.steps, step)
	return valuer{gorgonia.NewF64(s.losses[step])}, nil, s.runErr[step]
}

func (s *script) Metric() (float64, error) {
	m := s.metrics[0]
	s.metrics = s.metrics[1:]
	return m, s.metricErr
}

func (s *script) State() []gorgonia.Value { return nil }
func (s *script) Close() error            { return nil }

// puppet is a solver that collects its losses and returns the given errors.
type puppet struct {
	loss gorgonia.Valuer
	seen []float64
	errs map[int]error
}

func (p *puppet) SetLoss(loss gorgonia.Valuer) { p.loss = loss }

func (p *puppet) Step([]gorgonia.ValueGrad) error {
	p.seen = append(p.seen, p.loss.Value().Data().(float64))
	return p.errs[len(p.seen)]
}

// rates returns a function that returns the rate of the last step.
func rates(p *puppet, rs ...float64) func() float64 {
	return func() float64 { return rs[len(p.seen)-1] }
}

// TestEpochs compares the results of two epochs with their definition.
func TestEpochs(t *testing.T) {
	task := &script{losses: []float64{4, 2, 3, 8, 5, 2}, metrics: []float64{0.5, 0.75}}
	p := &puppet{}
	var steps []int
	var losses, learnRates []float64
	var onEpoch []Epoch
	epochs, err := Train(t.Context(), task, Instance{p, rates(p, 1, 0, 4, 0, -1, 0)}, Options{
		Epochs: 2, EpochSteps: 3,
		OnStep: func(step int, loss, rate float64) {
			steps, losses = append(steps, step), append(losses, loss)
			learnRates = append(learnRates, rate)
		},
		OnEpoch: func(e Epoch) { onEpoch = append(onEpoch, e) },
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []Epoch{
		{Number: 1, Loss: 3, LastLoss: 3, LearnRate: 2, Metric: 0.5},
		{Number: 2, Loss: 5, LastLoss: 2, LearnRate: 0, Metric: 0.75},
	}
	for i, w := range want {
		r := epochs[i]
		if onEpoch[i] != r {
			t.Errorf("epoch %d: OnEpoch was given %+v, the record is %+v", i+1, onEpoch[i], r)
		}
		if r.StepTime <= 0 || r.Time < r.StepTime {
			t.Errorf("epoch %d: %v, of it %v in the solver", i+1, r.Time, r.StepTime)
		}
		r.Time, r.StepTime = 0, 0
		if r != w {
			t.Errorf("%+v, want %+v", r, w)
		}
	}
	if len(epochs) != 2 || len(onEpoch) != 2 {
		t.Errorf("%d epochs, %d calls of OnEpoch", len(epochs), len(onEpoch))
	}
	for i := range 6 {
		if task.steps[i] != i || steps[i] != i+1 || losses[i] != task.losses[i] ||
			p.seen[i] != task.losses[i] {
			t.Errorf("step %d: the task ran %d; OnStep was given %d, %v; the solver read %v",
				i+1, task.steps[i], steps[i], losses[i], p.seen[i])
		}
	}
	if learnRates[2] != 4 || learnRates[4] != -1 {
		t.Errorf("learning rates %v", learnRates)
	}
}

// TestFailures: a loss that is not finite and an error of the solver are failures of the run, and
// some of them mean that it diverged. Train returns the epochs so far.
func TestFailures(t *testing.T) {
	fault := errors.New("fault")
	for name, c := range map[string]struct {
		loss     float64
		stepErr  error
		diverged bool
		why      string
	}{
		"NaN":           {math.NaN(), nil, true, "loss NaN in step 3"},
		"infinite":      {math.Inf(1), nil, true, "loss +Inf in step 3"},
		"gradient":      {1, errors.WithMessage(l4.ErrNonFinite, "w"), true, "step 3: w: l4"},
		"negative":      {1, errors.WithMessage(l4.ErrNegativeLoss, "-3"), true, "step 3: -3"},
		"model changed": {1, errors.WithMessage(l4.ErrModelChanged, "w"), false, "step 3: w"},
		"fault":         {1, fault, false, "step 3: fault"},
	} {
		task := &script{losses: []float64{2, 1, c.loss, 1}, metrics: []float64{0, 0}}
		p := &puppet{errs: map[int]error{3: c.stepErr}}
		epochs, err := Train(t.Context(), task, Instance{p, rates(p, 1, 1, 1, 1)},
			Options{Epochs: 2, EpochSteps: 2})
		failure := new(Failure)
		if !errors.As(err, &failure) || failure.Diverged != c.diverged ||
			!strings.HasPrefix(failure.Why, c.why) || err.Error() != "compare: "+failure.Why {
			t.Errorf("%s: error %v", name, err)
		}
		if c.stepErr == fault && !errors.Is(err, fault) {
			t.Errorf("%s: %v is not the injected error", name, err)
		}
		if len(epochs) != 1 || len(task.steps) != 3 {
			t.Errorf("%s: %d epochs, %d steps", name, len(epochs), len(task.steps))
		}
	}
}

// TestErrors: each error of the task and of the functions ends the run and is returned.
func TestErrors(t *testing.T) {
	fault := errors.New("fault")
	for name, c := range map[string]struct {
		task *script
		opts Options
		want string
	}{
		"run":    {&script{runErr: map[int]error{1: fault}}, Options{}, "compare: step 2: fault"},
		"metric": {&script{metricErr: fault}, Options{}, "compare: metric after step 2: fault"},
		"reduce": {&script{}, Options{
			Reduce: func(
				l gorgonia.Valuer, m []gorgonia.ValueGrad,
			) (gorgonia.Valuer, []gorgonia.ValueGrad, error) {
				return l, m, fault
			}}, "compare: step 1: fault"},
	} {
		c.task.losses, c.task.metrics = []float64{2, 1}, []float64{0}
		p := &puppet{}
		c.opts.Epochs, c.opts.EpochSteps = 1, 2
		epochs, err := Train(t.Context(), c.task, Instance{p, rates(p, 1, 1)}, c.opts)
		if !errors.Is(err, fault) || err.Error() != c.want || len(epochs) > 0 {
			t.Errorf("%s: error %v, want %s", name, err, c.want)
		}
	}
	for _, o := range []Options{{Epochs: 0, EpochSteps: 1}, {Epochs: 1, EpochSteps: 0}} {
		_, err := Train(t.Context(), &script{}, Instance{}, o)
		if err == nil || !strings.Contains(err.Error(), "at least 1") {
			t.Errorf("%d epochs of %d steps: error %v", o.Epochs, o.EpochSteps, err)
		}
	}
}
