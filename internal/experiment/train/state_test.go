package train

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

// running is a classifier with statistics that training changes beside the weights, and that the
// loss depends on: each image is moved by them.
type running struct {
	*Classifier
	mean  *tensor.Dense
	count gorgonia.F64
}

func newRunning(t *testing.T) *running {
	r := &running{mean: tensor.New(tensor.WithShape(2), tensor.Of(tensor.Float32))}
	r.Classifier = classifier(t, smallWeights(), randomImages(20), 4, 1)
	r.Extra = []gorgonia.Value{r.mean, &r.count}
	return r
}

func (r *running) Run(step int) (gorgonia.Valuer, []gorgonia.ValueGrad, error) {
	mean := r.mean.Float32s()
	r.count++
	mean[0] += 0.1 * (float32(step) - mean[0])
	mean[1] = float32(r.count)
	loss, model, err := r.Classifier.Run(step)
	if err != nil {
		return nil, nil, err
	}
	shift := float64(mean[0]) / (1 + float64(r.count)*float64(mean[1]))
	return valuer{gorgonia.NewF64(loss.Value().Data().(float64) + shift)}, model, nil
}

// TestResume ends a run at each of its steps and resumes it from the saved bytes. Records, weights
// and statistics are those of a run that nobody ended, to the bit.
func TestResume(t *testing.T) {
	const epochs, epochSteps = 3, 5
	for _, name := range []string{"l4adam", "l4mom"} {
		kind, _ := KindOf(name)
		opts := Options{Epochs: epochs, EpochSteps: epochSteps}
		straight := newRunning(t)
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
			records, err := Run(ctx, newRunning(t), kind.New(kind.Value), opts)
			if !errors.Is(err, context.Canceled) || len(records) != stop/epochSteps {
				t.Fatalf("%s: stopped at %d: %d records, error %v", name, stop, len(records), err)
			}

			resumed := newRunning(t)
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

// TestResumeFinished: of a run that had ended nothing is done again.
func TestResumeFinished(t *testing.T) {
	kind, _ := KindOf("l4adam")
	var state State
	saves := 0
	save := func(st State) error { state = st; saves++; return nil }
	opts := Options{Epochs: 2, EpochSteps: 5, Save: save}
	want := fit(t, newRunning(t), "l4adam", opts)
	if saves != 2 {
		t.Errorf("saved %d times in 2 epochs", saves)
	}
	opts.Resume = &state
	opts.OnStep = func(int, float64, float64) { t.Error("a step was made") }
	got, err := Run(context.Background(), newRunning(t), kind.New(kind.Value), opts)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%+v, error %v", got, err)
	}
}

// TestResumeRefused: a state of another task or solver is an error, and changes no weight.
func TestResumeRefused(t *testing.T) {
	var state State
	opts := Options{Epochs: 1, EpochSteps: 5, Save: func(st State) error { state = st; return nil }}
	fit(t, newRunning(t), "l4adam", opts)
	for name, c := range map[string]struct {
		kind   string
		change func(*State)
		want   string
	}{
		"fewer values": {"l4adam", func(st *State) { st.Values = st.Values[:3] },
			"3 values were saved, but the task has 6"},
		"a shorter value": {"l4adam", func(st *State) { st.Values[4] = st.Values[4][:4] },
			"value 4: 4 bytes were saved, but the task's has 8"},
		"another solver": {"l4mom", func(*State) {}, "l4"},
		"no solver":      {"l4adam", func(st *State) { st.Solver = nil }, "l4"},
		"cannot resume":  {"adam", func(*State) {}, "AdamSolver cannot be restored"},
	} {
		changed := state
		changed.Values = slices.Clone(state.Values)
		c.change(&changed)
		task := newRunning(t)
		before := floats(task.State())
		kind, _ := KindOf(c.kind)
		opts.Resume = &changed
		_, err := Run(context.Background(), task, kind.New(kind.Value), opts)
		if err == nil || !strings.Contains(err.Error(), "train: resume: ") ||
			!strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
		if !slices.Equal(floats(task.State()), before) {
			t.Errorf("%s: the refused state has changed the task", name)
		}
	}
}

// TestSave: an error of Save ends the run, and Save is not called for a solver that cannot be
// saved.
func TestSave(t *testing.T) {
	fault := errors.New("fault")
	opts := Options{Epochs: 2, EpochSteps: 5, Save: func(State) error { return fault }}
	kind, _ := KindOf("l4adam")
	records, err := Run(context.Background(), newRunning(t), kind.New(kind.Value), opts)
	if !errors.Is(err, fault) || len(records) != 1 {
		t.Errorf("%d records, error %v", len(records), err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Run(ctx, newRunning(t), kind.New(kind.Value), opts); !errors.Is(err, fault) {
		t.Errorf("interrupted: error %v", err)
	}
	fit(t, newRunning(t), "momentum", opts)
}

// TestScalarWeights: a scalar is saved and restored in place like a tensor.
func TestScalarWeights(t *testing.T) {
	newTask := func() Plain {
		g := gorgonia.NewGraph()
		w := gorgonia.NewScalar(g, tensor.Float32, gorgonia.WithName("w"),
			gorgonia.WithValue(float32(2)))
		m, err := NewMachine(gorgonia.Must(gorgonia.Square(w)), gorgonia.Nodes{w})
		return must(t, Plain{Machine: m}, err)
	}
	var state State
	opts := Options{Epochs: 4, EpochSteps: 3, Save: func(st State) error {
		if len(st.Records) == 2 {
			state = st
		}
		return nil
	}}
	straight, resumed := newTask(), newTask()
	want := untimed(fit(t, straight, "l4mom", opts))
	opts.Resume = &state
	got := untimed(fit(t, resumed, "l4mom", opts))
	for i := range want {
		if !math.IsNaN(got[i].Accuracy) {
			t.Errorf("accuracy %v without test data", got[i].Accuracy)
		}
		got[i].Accuracy, want[i].Accuracy = 0, 0
	}
	if !slices.Equal(got, want) ||
		!slices.Equal(floats(resumed.State()), floats(straight.State())) {
		t.Errorf("%+v, want %+v", got, want)
	}
}
