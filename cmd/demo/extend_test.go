package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/l4-go/l4/internal/experiment/compare"
)

// parabola is the experiment of CONTRIBUTING.md.
func parabola() experiment {
	return experiment{
		name: "parabola", about: "The loss w² of two weights", epoch: "10 steps",
		plain: scope{solvers: "l4adam,sgd:0.1", epochs: 3, seeds: 2},
		newTasks: func(s settings) ([]compare.Task, error) {
			return []compare.Task{{
				Name: "parabola", Title: "Parabola", Epochs: s.epochs, EpochSteps: 10,
				Start: func(seed uint64) (compare.Training, error) {
					return bowl(1, float64(seed)) // a graph and its loss
				},
			}}, nil
		},
		unit: compare.Epochs, measures: []compare.Measure{compare.MeanLosses}, report: summary,
	}
}

// TestNewExperiment: the description of an experiment is enough for a command that trains, prints a
// table, and writes figures and a CSV file.
func TestNewExperiment(t *testing.T) {
	addExperiment(t, parabola)
	dir := t.TempDir()
	code, stdout, stderr := demo(t, "parabola --out", dir)
	if code != 0 {
		t.Fatal(stderr)
	}
	for _, want := range []string{"Parabola\nsolver ", "L4Adam 0.15",
		"SGD 0.1, seed 2/2  epoch 3/3"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("%q is not in the output:\n%s", want, stdout)
		}
	}
	if rows := numbers(t, filepath.Join(dir, "parabola.csv")); len(rows) != 1+2*2*3 {
		t.Errorf("%d rows in the CSV", len(rows))
	}
	for _, name := range []string{"parabola.png", "parabola.svg"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	if _, help, _ := demo(t, "--help"); !strings.Contains(help, "parabola    The loss w² of two") {
		t.Errorf("the command is not in the help:\n%s", help)
	}
}

// TestContributing: tests run the Go code of CONTRIBUTING.md.
func TestContributing(t *testing.T) {
	read := func(path string) string {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	tested := read("extend_test.go") + read("../../internal/experiment/compare/extend_test.go")
	blocks := strings.Split(read("../../CONTRIBUTING.md"), "```go\n")[1:]
	if len(blocks) < 3 {
		t.Errorf("%d blocks of Go", len(blocks))
	}
	for _, block := range blocks {
		code, _, _ := strings.Cut(block, "```")
		if !strings.Contains(tested, code) {
			t.Errorf("no test has\n%s", code)
		}
	}
}
