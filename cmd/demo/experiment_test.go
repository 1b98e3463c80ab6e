package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/pkg/errors"
	"github.com/spf13/pflag"
	"gorgonia.org/gorgonia"

	"github.com/l4-go/l4/internal/experiment/compare"
)

// planted is an experiment with known best rates: gradient descent with the rate 1/(2c) minimises
// the loss c·w² in one step.
func planted() experiment {
	return experiment{
		name:  "planted",
		plain: scope{solvers: "sgd", epochs: 3, seeds: 2},
		dtype: "float64", gridSeeds: 1, report: summary,
		unit: compare.Epochs, measures: []compare.Measure{compare.MeanLosses, compare.LearnRates},
		newTasks: func(s settings) ([]compare.Task, error) {
			var tasks []compare.Task
			for _, c := range []float64{1, 10} {
				name := fmt.Sprint("curvature ", c)
				tasks = append(tasks, compare.Task{
					Name: name, Title: name, Epochs: s.epochs, EpochSteps: 1,
					Start: func(seed uint64) (compare.Training, error) {
						return bowl(c, float64(seed))
					},
				})
			}
			return tasks, nil
		},
	}
}

// bowl is the training of two weights with the loss c·w².
func bowl(c, start float64) (compare.Training, error) {
	g := gorgonia.NewGraph()
	w := gorgonia.NewVector(g, gorgonia.Float64, gorgonia.WithName("w"), gorgonia.WithShape(2),
		gorgonia.WithInit(gorgonia.ValuesOf(start)))
	sum := gorgonia.Must(gorgonia.Sum(gorgonia.Must(gorgonia.Square(w))))
	loss := gorgonia.Must(gorgonia.Mul(gorgonia.NewConstant(c), sum))
	m, err := compare.NewMachine(loss, gorgonia.Nodes{w})
	return compare.Plain{Machine: m}, err
}

// addExperiment adds an experiment during a test.
func addExperiment(t *testing.T, e func() experiment) {
	before := experiments
	experiments = append(slices.Clone(experiments), e)
	t.Cleanup(func() { experiments = before })
}

// TestOwnFlag: a flag of one experiment is only in that experiment's help, sets the experiment's
// variable, and is part of the settings in a checkpoint.
func TestOwnFlag(t *testing.T) {
	addExperiment(t, func() experiment {
		e, curvature := planted(), 0.0
		e.name = "own"
		e.flags = func(f *pflag.FlagSet) {
			f.Float64Var(&curvature, "curvature", 2, "`number` c of the loss c·w²")
		}
		e.newTasks = func(s settings) ([]compare.Task, error) {
			return []compare.Task{{
				Name: "t", Title: fmt.Sprint("curvature is ", curvature),
				Epochs: s.epochs, EpochSteps: 1,
				Start: func(seed uint64) (compare.Training, error) { return bowl(curvature, 1) },
			}}, nil
		}
		return e
	})
	wantIn(t, succeed(t, "own --help"), "--curvature number")
	wantNotIn(t, succeed(t, "--help"), "--curvature")
	dir := t.TempDir()
	args := "own --resume --out " + dir + " --checkpoint " + filepath.Join(dir, "checkpoint")
	wantIn(t, succeed(t, args, "--curvature 0.5"), "curvature is 0.5")
	wantMistake(t, `--curvature "0.5"`, args)
}

// broken is a training with a part that fails.
type broken struct {
	compare.Training
	err error
}

func (b broken) Metric() (float64, error) { return 0, b.err }

// TestFailure: a task that cannot be started or evaluated ends the program with the exit code of a
// failure, not of a mistake of the user. The error names the task.
func TestFailure(t *testing.T) {
	fault := errors.New("fault")
	for want, start := range map[string]func(uint64) (compare.Training, error){
		"demo: t: fault": func(uint64) (compare.Training, error) { return nil, fault },
		"demo: compare: metric after step 1: fault": func(uint64) (compare.Training, error) {
			training, err := bowl(1, 1)
			return broken{training, fault}, err
		},
	} {
		addExperiment(t, func() experiment {
			e := planted()
			e.name = "broken"
			e.newTasks = func(s settings) ([]compare.Task, error) {
				t := compare.Task{Name: "t", Epochs: s.epochs, EpochSteps: 1, Start: start}
				return []compare.Task{t}, nil
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
