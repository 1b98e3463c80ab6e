package main

import (
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
	wantIn(t, succeed(t, "parabola --out", dir), "Parabola\nsolver ", "L4Adam 0.15",
		"SGD 0.1, seed 2/2  epoch 3/3")
	numbers(t, filepath.Join(dir, "parabola.csv"), 2*2*3)
	wantFiles(t, dir, "parabola.png", "parabola.svg")
	wantIn(t, succeed(t, "--help"), "parabola    The loss w² of two")
}

// TestContributing: tests run the Go code of CONTRIBUTING.md.
func TestContributing(t *testing.T) {
	read := func(path string) string { return string(readFile(t, path)) }
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
