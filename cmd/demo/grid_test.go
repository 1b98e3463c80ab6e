package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

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

// TestGrid finds the best rates from below and from above, where every rate of the first grid
// diverges.
func TestGrid(t *testing.T) {
	addExperiment(t, planted)
	for _, start := range []string{"5e-3", "0.5", "50"} {
		dir := t.TempDir()
		args := fields("planted --grid --solvers l4mom,sgd:"+start, "--out", dir,
			"--resume --checkpoint", filepath.Join(dir, "checkpoint"))
		code, stdout, stderr := demo(t, args...)
		if code != 0 {
			t.Fatal(stderr)
		}
		var best []string
		for _, line := range strings.Split(stdout, "\n") {
			if strings.Contains(line, "<- best") {
				best = append(best, strings.Join(strings.Fields(line)[:2], " "))
			}
		}
		if got := strings.Join(best, ", "); got != "SGD 0.5, SGD 0.05" {
			t.Errorf("from %s: best are %s in\n%s", start, got, stdout)
		}
		compared := map[string]bool{} // the second start is one of the comparison alone
		for _, row := range numbers(t, filepath.Join(dir, "planted.csv"))[1:] {
			if row[3] == "2" {
				compared[strings.Join(row[:3], " ")] = true
			}
		}
		for _, want := range []string{"curvature 1 sgd 0.5", "curvature 10 sgd 0.05",
			"curvature 1 l4mom 0.15", "curvature 10 l4mom 0.15"} {
			if !compared[want] {
				t.Errorf("from %s: %s is not compared", start, want)
			}
		}
		if len(compared) != 4 {
			t.Errorf("from %s: compared are %v", start, compared)
		}
		if _, again, _ := demo(t, args...); strings.Contains(again, "epoch 3/3") {
			t.Errorf("from %s: the checkpoint does not hold the search:\n%s", start, again)
		}
	}
}
