package l4_test

import (
	"bytes"
	"log/slog"
	"math"
	"strings"
	"testing"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
)

// TestRejected: a solver counts the errors that a program ignores, and logs each kind of error
// once.
func TestRejected(t *testing.T) {
	logger, log := logged()
	loss, p := newBowl(), newParam("w", tensor.Float64, []int{2}, []float64{1, 2})
	s := l4.NewL4Adam(loss, l4.WithLogger(logger))
	model := []*param{p}
	stepTimes(t, s, loss, model, 2)
	for range 3 {
		*loss.F64 = gorgonia.F64(math.NaN())
		first, second := s.Step(valueGrads(model)), s.Step(valueGrads(model))
		if first == nil || second == nil || first.Error() != second.Error() {
			t.Errorf("errors %v and %v", first, second)
		}
		_ = s.Step(nil)
	}
	stepTimes(t, s, loss, model, 1)
	if got := s.Last(); got.Rejected != 9 || got.Step != 3 {
		t.Errorf("%+v", got)
	}
	if lines := strings.Split(strings.TrimSpace(log.String()), "\n"); len(lines) != 2 ||
		!strings.Contains(lines[0], "step=3") || !strings.Contains(lines[0], "loss is NaN") ||
		!strings.Contains(lines[1], "number of weights is 0") {
		t.Errorf("logged:\n%s", log.String())
	}
}

// logged returns a logger and its output.
func logged() (*slog.Logger, *bytes.Buffer) {
	log := new(bytes.Buffer)
	return slog.New(slog.NewTextHandler(log, nil)), log
}

// asDefault makes a logger the default logger during a test.
func asDefault(t *testing.T, logger *slog.Logger) {
	before := slog.Default()
	slog.SetDefault(logger)
	t.Cleanup(func() { slog.SetDefault(before) })
}

// TestWarning: without WithLogger the default logger logs the first rejected step of a solver, and
// no other.
func TestWarning(t *testing.T) {
	fallback, warnings := logged()
	asDefault(t, fallback)
	own, log := logged()
	loss, p := newBowl(), newParam("w", tensor.Float64, []int{2}, []float64{1, 2})
	model := []*param{p}
	for name, c := range map[string]struct {
		opts []l4.Option
		want int // warnings
	}{
		"default":           {nil, 1},
		"a nil logger":      {[]l4.Option{l4.WithLogger(nil)}, 1},
		"a bad option":      {[]l4.Option{l4.WithFraction(-1)}, 1},
		"a logger":          {[]l4.Option{l4.WithLogger(own)}, 0},
		"that logs nothing": {[]l4.Option{l4.WithLogger(slog.New(slog.DiscardHandler))}, 0},
	} {
		warnings.Reset()
		s := l4.NewL4Adam(loss, c.opts...)
		reject := func() {
			for range 2 {
				*loss.F64 = gorgonia.F64(math.NaN())
				if s.Step(valueGrads(model)) == nil || s.Step(nil) == nil {
					t.Errorf("%s: no error", name)
				}
			}
		}
		reject()
		if name != "a bad option" {
			stepTimes(t, s, loss, model, 1)
			data, err := s.MarshalBinary()
			if err != nil {
				t.Fatal(err)
			}
			if err := s.UnmarshalBinary(data); err != nil {
				t.Fatal(err)
			}
		}
		reject()
		got := warnings.String()
		if strings.Count(got, "\n") != c.want || strings.Count(got, "level=WARN") != c.want ||
			strings.Count(got, "WithLogger") != c.want {
			t.Errorf("%s: want %d warnings, got\n%s", name, c.want, got)
		}
	}
	if lines := strings.Count(log.String(), "level=ERROR"); lines != 3 ||
		strings.Contains(log.String(), "goexit") {
		t.Errorf("by the logger that was given, want 3 lines without stack traces:\n%s", log)
	}
}

// TestRejectedWithoutAStep: errors that Step returns before it reads the model are counted and
// logged like all other errors.
func TestRejectedWithoutAStep(t *testing.T) {
	logger, log := logged()
	p := newParam("w", tensor.Float64, []int{2}, []float64{1, 2})
	for range 3 {
		for name, s := range map[string]stepper{
			"a bad option": l4.NewL4Adam(newBowl(), l4.WithFraction(-1), l4.WithLogger(logger)),
			"a bad option after the logger": l4.NewL4Mom(newBowl(), l4.WithLogger(logger),
				l4.WithBound(-1)),
			"a nil option":    l4.NewL4Mom(newBowl(), nil, l4.WithLogger(logger)),
			"no inner solver": l4.New(newBowl(), nil, l4.WithLogger(logger)),
			"only L4Adam's own": l4.NewL4Mom(newBowl(), l4.WithAdamEpsilon(1),
				l4.WithLogger(logger)),
			"no constructor": new(l4.L4Adam),
		} {
			log.Reset()
			for range 3 {
				if s.Step(valueGrads([]*param{p})) == nil {
					t.Errorf("%s: no error", name)
				}
			}
			lines := strings.Count(log.String(), "\n")
			if n := s.Last().Rejected; n != 3 || lines != 1 && name != "no constructor" {
				t.Errorf("%s: %d of 3 steps rejected, logged\n%s", name, n, log)
			}
		}
	}
}

// TestErrorsLast: a later step does not change the error of an earlier step.
func TestErrorsLast(t *testing.T) {
	loss, p := newBowl(), newParam("w", tensor.Float64, []int{3}, ramp(3, 1))
	s := l4.NewL4Adam(loss)
	p.setGrad([]float64{1, math.NaN(), 1})
	*loss.F64 = 1
	first := s.Step(valueGrads([]*param{p}))
	text := first.Error()
	*loss.F64 = gorgonia.F64(math.Inf(1))
	if second := s.Step(valueGrads([]*param{p})); second.Error() == text || first.Error() != text {
		t.Errorf("errors %q and %q, the first was %q", first, second, text)
	}
}

// TestSkipNonFinite: up to n bad steps in a row are skipped, the next bad step is an error, and a
// good step resets the count.
func TestSkipNonFinite(t *testing.T) {
	everySolver(t, func(t *testing.T, newSolver newSolver, dt tensor.Dtype) {
		loss, model := newBowl(), []*param{newParam("w", dt, []int{4}, ramp(4, 1))}
		s := newSolver(loss, l4.WithSkipNonFinite(2))
		bad := func() error {
			loss.eval(model, 1)
			before := weightsOf(model)
			model[0].setGrad([]float64{1, math.Inf(1), 2, 3})
			err := s.Step(valueGrads(model))
			wantEqual(t, weightsOf(model), before)
			wantEqual(t, numbers(model[0].g), []float64{0, 0, 0, 0})
			return err
		}
		for round := range 3 {
			for i := range 2 {
				if err := bad(); err != nil {
					t.Errorf("round %d: bad step %d: %v", round, i, err)
				}
			}
			for range 2 {
				if err := bad(); !errors.Is(err, l4.ErrNonFinite) {
					t.Errorf("round %d: third bad step in a row: %v", round, err)
				}
			}
			stepTimes(t, s, loss, model, 1)
			if got, want := s.Last(), (round+1)*2; got.Skipped != want || got.Step != round+1 {
				t.Errorf("round %d: %+v, want %d skipped", round, got, want)
			}
		}
		if err := newSolver(loss, l4.WithSkipNonFinite(-1)).Step(valueGrads(model)); err == nil {
			t.Error("WithSkipNonFinite(-1): no error")
		}
	})
}

// TestLoggedKinds: errors that differ in every step do not fill the log or the memory.
func TestLoggedKinds(t *testing.T) {
	const steps = 100
	logger, log := logged()
	n := 1
	loss := l4.LossFunc(func() gorgonia.Value {
		n++ // a shape that no step before had
		return tensor.New(tensor.WithShape(n), tensor.Of(tensor.Float64))
	})
	s := l4.NewL4Adam(loss, l4.WithLogger(logger))
	for range steps {
		if s.Step(nil) == nil {
			t.Fatal("no error")
		}
	}
	if lines := strings.Count(log.String(), "\n"); lines != 64 || s.Last().Rejected != steps {
		t.Errorf("%d lines logged, %d steps rejected", lines, s.Last().Rejected)
	}
}
