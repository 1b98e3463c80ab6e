package compare

import (
	"bytes"
	"context"
	"encoding/gob"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// running is a regression with statistics. Each training step changes the statistics, and the loss
// depends on them.
type running struct {
	*regression
	mean  *tensor.Dense
	count gorgonia.F64
}

func newRunning() *running {
	r := &running{mean: tensor.New(tensor.WithShape(2), tensor.Of(tensor.Float32))}
	r.regression = newRegression(20, 4, 1)
	r.extra = []gorgonia.Value{r.mean, &r.count}
	return r
}

func (r *running) Run(step int) (gorgonia.Valuer, []gorgonia.ValueGrad, error) {
	mean := r.mean.Float32s()
	r.count++
	mean[0] += 0.1 * (float32(step) - mean[0])
	mean[1] = float32(r.count)
	loss, model, err := r.regression.Run(step)
	if err != nil {
		return nil, nil, err
	}
	shift := float64(mean[0]) / (1 + float64(r.count)*float64(mean[1]))
	return valuer{gorgonia.NewF64(loss.Value().Data().(float64) + shift)}, model, nil
}

// TestResume ends a run at each of its steps and resumes it from the saved bytes. Epochs, weights,
// averages and statistics equal an undisturbed run's to the bit.
func TestResume(t *testing.T) {
	const epochs, epochSteps = 3, 5
	for _, name := range []string{"l4adam", "l4mom"} {
		opts := Options{Epochs: epochs, EpochSteps: epochSteps, Average: true}
		straight := newRunning()
		want := untimed(fit(t, straight, name, opts))
		for stop := 1; stop < epochs*epochSteps; stop++ {
			ctx, cancel := context.WithCancel(context.Background())
			opts := opts
			opts.OnStep = func(step int, _, _ float64) {
				if step == stop {
					cancel()
				}
			}
			var saved bytes.Buffer
			opts.Save = func(st State) error {
				saved.Reset()
				return gob.NewEncoder(&saved).Encode(st)
			}
			epochs, err := Train(ctx, newRunning(), choice(name).New(), opts)
			if !errors.Is(err, context.Canceled) || len(epochs) != stop/epochSteps {
				t.Fatalf("%s: stopped at %d: %d epochs, error %v", name, stop, len(epochs), err)
			}

			resumed := newRunning()
			opts.Resume, opts.OnStep = new(State), nil
			if err := gob.NewDecoder(&saved).Decode(opts.Resume); err != nil {
				t.Fatal(err)
			}
			opts.Save = func(st State) error {
				if n := len(resumed.State()); len(st.Values) != n {
					t.Errorf("%s: resumed at %d: %d values saved again, want %d", name, stop,
						len(st.Values), n)
				}
				return nil
			}
			got := untimed(fit(t, resumed, name, opts))
			if !slices.Equal(got, want) {
				t.Errorf("%s: stopped at %d: %+v, want %+v", name, stop, got, want)
			}
			if !slices.Equal(floats(resumed.State()), floats(straight.State())) {
				t.Errorf("%s: stopped at %d: other weights or statistics", name, stop)
			}
		}
	}
}

// TestResumeFinished: resuming a finished run does not repeat any step.
func TestResumeFinished(t *testing.T) {
	var state State
	saves := 0
	save := func(st State) error { state = st; saves++; return nil }
	opts := Options{Epochs: 2, EpochSteps: 5, Save: save}
	want := fit(t, newRunning(), "l4adam", opts)
	if saves != 2 {
		t.Errorf("saved %d times in 2 epochs", saves)
	}
	opts.Resume = &state
	opts.OnStep = func(int, float64, float64) { t.Error("a step was made") }
	got, err := Train(t.Context(), newRunning(), choice("l4adam").New(), opts)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%+v, error %v", got, err)
	}
}

// TestResumeRejected: a state of another task or solver is an error, and does not change the
// weights.
func TestResumeRejected(t *testing.T) {
	var state State
	opts := Options{Epochs: 1, EpochSteps: 5, Save: func(st State) error { state = st; return nil }}
	fit(t, newRunning(), "l4adam", opts)
	for name, c := range map[string]struct {
		solver string
		change func(*State)
		want   string
	}{
		"fewer values": {"l4adam", func(st *State) { st.Values = st.Values[:2] },
			"2 values were saved, but the task has 3"},
		"a shorter value": {"l4adam", func(st *State) { st.Values[1] = st.Values[1][:4] },
			"value 1 was saved with 4 bytes, but has 8 in the task"},
		"another solver": {"l4mom", func(*State) {}, "l4"},
		"no solver":      {"l4adam", func(st *State) { st.Solver = nil }, "l4"},
		"cannot resume":  {"adam", func(*State) {}, "*baseline.Solver cannot be restored"},
	} {
		changed := state
		changed.Values = slices.Clone(state.Values)
		c.change(&changed)
		training := newRunning()
		before := floats(training.State())
		opts.Resume = &changed
		_, err := Train(t.Context(), training, choice(c.solver).New(), opts)
		if err == nil || !strings.Contains(err.Error(), "compare: resume: ") ||
			!strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
		if !slices.Equal(floats(training.State()), before) {
			t.Errorf("%s: the rejected state has changed the task", name)
		}
	}
	state.Average = []byte("damaged")
	opts.Resume, opts.Average, opts.Epochs = &state, true, 2
	_, err := Train(t.Context(), newRunning(), choice("l4adam").New(), opts)
	if err == nil || !strings.Contains(err.Error(), "compare: resume: l4: loading an average") {
		t.Errorf("a damaged average: error %v", err)
	}
}

// TestSave: an error of Save ends the run, and Save is not called for a solver that cannot be
// saved.
func TestSave(t *testing.T) {
	fault := errors.New("fault")
	opts := Options{Epochs: 2, EpochSteps: 5, Save: func(State) error { return fault }}
	epochs, err := Train(t.Context(), newRunning(), choice("l4adam").New(), opts)
	if !errors.Is(err, fault) || len(epochs) != 1 {
		t.Errorf("%d epochs, error %v", len(epochs), err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = Train(ctx, newRunning(), choice("l4adam").New(), opts)
	if !errors.Is(err, fault) {
		t.Errorf("interrupted: error %v", err)
	}
	fit(t, newRunning(), "momentum", opts)
}

// TestScalarWeights: a scalar is saved and restored in place like a tensor.
func TestScalarWeights(t *testing.T) {
	newTraining := func() Plain {
		g := gorgonia.NewGraph()
		w := gorgonia.NewScalar(g, tensor.Float32, gorgonia.WithName("w"),
			gorgonia.WithValue(float32(2)))
		m, err := NewMachine(gorgonia.Must(gorgonia.Square(w)), gorgonia.Nodes{w})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { m.Close() })
		return Plain{m}
	}
	var state State
	opts := Options{Epochs: 4, EpochSteps: 3, Save: func(st State) error {
		if len(st.Epochs) == 2 {
			state = st
		}
		return nil
	}}
	straight, resumed := newTraining(), newTraining()
	want := untimed(fit(t, straight, "l4mom", opts))
	opts.Resume = &state
	got := untimed(fit(t, resumed, "l4mom", opts))
	for i := range want {
		if !math.IsNaN(got[i].Metric) {
			t.Errorf("metric %v without test data", got[i].Metric)
		}
		got[i].Metric, want[i].Metric = 0, 0
	}
	if !slices.Equal(got, want) ||
		!slices.Equal(floats(resumed.State()), floats(straight.State())) {
		t.Errorf("%+v, want %+v", got, want)
	}
}
