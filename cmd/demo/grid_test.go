package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestGrid: the report has the best rates, and the comparison uses them. The checkpoint also has
// the runs of the search.
func TestGrid(t *testing.T) {
	addExperiment(t, planted)
	dir := t.TempDir()
	args := "planted --grid --solvers l4mom,sgd:50 --resume --out " + dir + " --checkpoint " +
		filepath.Join(dir, "checkpoint")
	wantIn(t, succeed(t, args), "Search for the best learning rates", "<- best")
	compared := map[string]bool{} // the second seed is one of the comparison alone
	for _, row := range numbers(t, filepath.Join(dir, "planted.csv"), 3*21) {
		if row[3] == "2" {
			compared[strings.Join(row[:3], " ")] = true
		}
	}
	for _, want := range []string{"curvature 1 sgd 0.5", "curvature 10 sgd 0.05",
		"curvature 1 l4mom 0.15", "curvature 10 l4mom 0.15"} {
		if !compared[want] {
			t.Errorf("%s is not compared", want)
		}
	}
	if len(compared) != 4 {
		t.Errorf("compared are %v", compared)
	}
	wantNotIn(t, succeed(t, args), "epoch 3/3") // the checkpoint has the search, too
}
