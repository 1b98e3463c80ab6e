package train

import (
	"context"
	"math"
	"strings"
	"testing"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
)

// script is a task whose losses, accuracies and errors are given.
type script struct {
	losses     []float64
	accuracies []float64
	runErr     map[int]error
	accErr     error
	steps      []int // that Run was called for
}

func (s *script) Run(step int) (gorgonia.Valuer, []gorgonia.ValueGrad, error) {
	s.steps = append(s.steps, step)
	return valuer{gorgonia.NewF64(s.losses[step])}, nil, s.runErr[step]
}

func (s *script) Accuracy() (float64, error) {
	a := s.accuracies[0]
	s.accuracies = s.accuracies[1:]
	return a, s.accErr
}

func (s *script) State() []gorgonia.Value { return nil }
func (s *script) Close() error            { return nil }

type valuer struct{ v gorgonia.Value }

func (v valuer) Value() gorgonia.Value { return v.v }

// puppet is a solver that notes the losses it is told and fails as it is told.
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

// TestRecords compares the records of two epochs with their definition.
func TestRecords(t *testing.T) {
	task := &script{losses: []float64{4, 2, 3, 8, 5, 2}, accuracies: []float64{0.5, 0.75}}
	p := &puppet{}
	var steps []int
	var losses, learnRates []float64
	var onEpoch []Record
	records, err := Run(context.Background(), task, Solver{p, rates(p, 1, 0, 4, 0, -1, 0)}, Options{
		Epochs: 2, EpochSteps: 3,
		OnStep: func(step int, loss, rate float64) {
			steps, losses = append(steps, step), append(losses, loss)
			learnRates = append(learnRates, rate)
		},
		OnEpoch: func(r Record) { onEpoch = append(onEpoch, r) },
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []Record{
		{Epoch: 1, Loss: 3, LastLoss: 3, LearnRate: 2, Accuracy: 0.5},
		{Epoch: 2, Loss: 5, LastLoss: 2, LearnRate: 0, Accuracy: 0.75},
	}
	for i, w := range want {
		r := records[i]
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
	if len(records) != 2 || len(onEpoch) != 2 {
		t.Errorf("%d records, %d calls of OnEpoch", len(records), len(onEpoch))
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

// TestDiverged: what ends a run as diverged, and what is another error. The records so far are
// returned.
func TestDiverged(t *testing.T) {
	fault := errors.New("fault")
	for name, c := range map[string]struct {
		loss     float64
		stepErr  error
		diverged bool
	}{
		"NaN":           {math.NaN(), nil, true},
		"infinite":      {math.Inf(1), nil, true},
		"gradient":      {1, errors.WithMessage(l4.ErrNonFinite, "w"), true},
		"negative":      {1, errors.WithMessage(l4.ErrNegativeLoss, "-3"), true},
		"model changed": {1, errors.WithMessage(l4.ErrModelChanged, "w"), false},
		"fault":         {1, fault, false},
	} {
		task := &script{losses: []float64{2, 1, c.loss, 1}, accuracies: []float64{0, 0}}
		p := &puppet{errs: map[int]error{3: c.stepErr}}
		records, err := Run(context.Background(), task, Solver{p, rates(p, 1, 1, 1, 1)},
			Options{Epochs: 2, EpochSteps: 2})
		if err == nil || errors.Is(err, ErrDiverged) != c.diverged ||
			!strings.Contains(err.Error(), "step 3") {
			t.Errorf("%s: error %v", name, err)
		}
		if c.stepErr == fault && !errors.Is(err, fault) {
			t.Errorf("%s: %v is not the fault", name, err)
		}
		if len(records) != 1 || len(task.steps) != 3 {
			t.Errorf("%s: %d records, %d steps", name, len(records), len(task.steps))
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
		"run":      {&script{runErr: map[int]error{1: fault}}, Options{}, "train: step 2: fault"},
		"accuracy": {&script{accErr: fault}, Options{}, "train: accuracy after step 2: fault"},
		"reduce": {&script{}, Options{
			Reduce: func(
				l gorgonia.Valuer, m []gorgonia.ValueGrad,
			) (gorgonia.Valuer, []gorgonia.ValueGrad, error) {
				return l, m, fault
			}}, "train: step 1: fault"},
	} {
		c.task.losses, c.task.accuracies = []float64{2, 1}, []float64{0}
		p := &puppet{}
		c.opts.Epochs, c.opts.EpochSteps = 1, 2
		records, err := Run(context.Background(), c.task, Solver{p, rates(p, 1, 1)}, c.opts)
		if !errors.Is(err, fault) || err.Error() != c.want || len(records) > 0 {
			t.Errorf("%s: error %v, want %s", name, err, c.want)
		}
	}
	for _, o := range []Options{{Epochs: 0, EpochSteps: 1}, {Epochs: 1, EpochSteps: 0}} {
		_, err := Run(context.Background(), &script{}, Solver{}, o)
		if err == nil || !strings.Contains(err.Error(), "at least 1") {
			t.Errorf("%d epochs of %d steps: error %v", o.Epochs, o.EpochSteps, err)
		}
	}
}

// TestNumber: losses that a solver can read, and others.
func TestNumber(t *testing.T) {
	of := func(x any, shape ...int) gorgonia.Valuer {
		return valuer{tensor.New(tensor.WithShape(shape...), tensor.WithBacking(x))}
	}
	for _, loss := range []gorgonia.Valuer{
		valuer{gorgonia.NewF64(1.5)}, valuer{gorgonia.NewF32(1.5)},
		of([]float64{1.5}, 1), of([]float32{1.5}, 1, 1), valuer{tensor.New(tensor.FromScalar(1.5))},
	} {
		if x, err := number(loss); err != nil || x != 1.5 {
			t.Errorf("%T: %v, %v", loss.Value(), x, err)
		}
	}
	for want, loss := range map[string]gorgonia.Valuer{
		"no loss":        nil,
		"returned no lo": valuer{},
		"shape (2)":      of([]float64{1, 2}, 2),
		"*gorgonia.I":    valuer{gorgonia.NewI(1)},
		"shape (1, 2)":   of([]float32{1, 2}, 1, 2),
	} {
		if _, err := number(loss); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}
