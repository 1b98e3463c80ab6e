package main

import (
	"path/filepath"
	"strings"
	"testing"
)

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
		if strings.Contains(stdout, "NaN") { // there is no test data
			t.Errorf("from %s: NaN in\n%s", start, stdout)
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
