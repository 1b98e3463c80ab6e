package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pkg/errors"
	"github.com/spf13/pflag"
	"gorgonia.org/gorgonia"

	"github.com/l4-go/l4/internal/experiment/train"
)

// planted is an experiment with known best rates: on the loss c·w² plain gradient descent with the
// rate 1/(2c) is done in one step.
func planted() experiment {
	return experiment{
		name:  "planted",
		plain: scope{solvers: "sgd", epochs: 3, restarts: 2},
		dtype: "float64", gridStarts: 1, report: mnistReport,
		unit: "epoch", measures: []measure{meanLosses, learnRates},
		variants: func(s settings) ([]variant, error) {
			var vs []variant
			for _, c := range []float64{1, 10} {
				name := fmt.Sprint("curvature ", c)
				vs = append(vs, variant{
					name: name, title: name, epochs: s.epochs, epochSteps: 1,
					newTask: func(seed uint64) (train.Task, error) {
						return bowl(c, float64(seed))
					},
				})
			}
			return vs, nil
		},
	}
}

// bowl is the task of two weights with the loss c·w².
func bowl(c, start float64) (train.Task, error) {
	g := gorgonia.NewGraph()
	w := gorgonia.NewVector(g, gorgonia.Float64, gorgonia.WithName("w"), gorgonia.WithShape(2),
		gorgonia.WithInit(gorgonia.ValuesOf(start)))
	sum := gorgonia.Must(gorgonia.Sum(gorgonia.Must(gorgonia.Square(w))))
	loss := gorgonia.Must(gorgonia.Mul(gorgonia.NewConstant(c), sum))
	m, err := train.NewMachine(loss, gorgonia.Nodes{w})
	return train.Plain{Machine: m}, err
}

// addExperiment offers an experiment for the length of a test.
func addExperiment(t *testing.T, e func() experiment) {
	before := experiments
	experiments = append(slices.Clone(experiments), e)
	t.Cleanup(func() { experiments = before })
}

// TestOwnFlag: an experiment's own flag stands in its help alone, sets what the experiment reads,
// and belongs to what a checkpoint must have been made with.
func TestOwnFlag(t *testing.T) {
	addExperiment(t, func() experiment {
		e, curvature := planted(), 0.0
		e.name = "own"
		e.flags = func(f *pflag.FlagSet) {
			f.Float64Var(&curvature, "curvature", 2, "`number` c of the loss c·w²")
		}
		e.variants = func(s settings) ([]variant, error) {
			return []variant{{
				name: "v", title: fmt.Sprint("curvature is ", curvature),
				epochs: s.epochs, epochSteps: 1,
				newTask: func(seed uint64) (train.Task, error) { return bowl(curvature, 1) },
			}}, nil
		}
		return e
	})
	if _, stdout, _ := demo(t, "own --help"); !strings.Contains(stdout, "--curvature number") {
		t.Errorf("the flag is not in the help:\n%s", stdout)
	}
	if _, stdout, _ := demo(t, "--help"); strings.Contains(stdout, "--curvature") {
		t.Errorf("the flag is in the help of another experiment:\n%s", stdout)
	}
	dir := t.TempDir()
	args := fields("own --resume --out", dir, "--checkpoint", filepath.Join(dir, "checkpoint"))
	code, stdout, stderr := demo(t, append(args, "--curvature 0.5")...)
	if code != 0 || !strings.Contains(stdout, "curvature is 0.5") {
		t.Errorf("exit code %d: %s%s", code, stdout, stderr)
	}
	code, _, stderr = demo(t, args...)
	if code != exitUsage || !strings.Contains(stderr, `--curvature "0.5"`) {
		t.Errorf("another curvature on one checkpoint: exit code %d: %s", code, stderr)
	}
}

// broken is a task of which a part fails.
type broken struct {
	train.Task
	err error
}

func (b broken) Accuracy() (float64, error) { return 0, b.err }

// TestFailure: a task that cannot be made or measured ends the program with another code than a
// mistake of the user, and says which.
func TestFailure(t *testing.T) {
	fault := errors.New("fault")
	for want, newTask := range map[string]func(uint64) (train.Task, error){
		"demo: v: fault": func(uint64) (train.Task, error) { return nil, fault },
		"demo: train: accuracy after step 1: fault": func(uint64) (train.Task, error) {
			task, err := bowl(1, 1)
			return broken{task, fault}, err
		},
	} {
		addExperiment(t, func() experiment {
			e := planted()
			e.name = "broken"
			e.variants = func(s settings) ([]variant, error) {
				v := variant{name: "v", epochs: s.epochs, epochSteps: 1, newTask: newTask}
				return []variant{v}, nil
			}
			return e
		})
		code, _, stderr := demo(t, "broken --out", t.TempDir())
		if code != exitFailed || stderr != want+"\n" {
			t.Errorf("exit code %d: %s, want %s", code, stderr, want)
		}
		experiments = experiments[:len(experiments)-1]
	}
}
