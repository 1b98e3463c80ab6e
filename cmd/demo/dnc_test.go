package main

import (
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestDemoDNC: there is a table, an example answer of each net, and a row of the CSV for each
// epoch.
func TestDemoDNC(t *testing.T) {
	out := t.TempDir()
	stdout := succeed(t, "dnc --epochs 1 --batch 2,3 --out", out)
	wantIn(t, stdout, "L4Mom 0.15", "RMSProp, clipped 0.005", "Adam, clipped 0.01",
		"batches of 3", "step 100", "right")
	for _, want := range []string{"  pattern  ", "  target   ", "  answer   "} {
		if n := strings.Count(stdout, want); n != 2*6 {
			t.Errorf("%q stands %d times in the output:\n%s", want, n, stdout)
		}
	}
	for _, row := range numbers(t, filepath.Join(out, "dnc.csv"), 2*6) {
		if row[8] == "" {
			t.Errorf("no share of right answers in %v", row)
		}
	}
}

// TestDemoDNCLearns: after a few hundred steps almost no sequence has a wrong bit.
func TestDemoDNCLearns(t *testing.T) {
	if testing.Short() {
		t.Skip("takes several seconds")
	}
	out := t.TempDir()
	succeed(t, "dnc --epochs 8 --solvers l4adam-plain --out", out)
	rows := numbers(t, filepath.Join(out, "dnc.csv"), 8)
	right, err := strconv.ParseFloat(rows[7][8], 64)
	if err != nil || right < 0.97 {
		t.Errorf("the share of right answers is %v after 800 steps: %v", right, err)
	}
}

// TestDemoDNCResumes: a comparison that is interrupted several times ends with the same numbers and
// the same examples.
func TestDemoDNCResumes(t *testing.T) {
	dir := t.TempDir()
	args := "dnc --epochs 3 --batch 2 --solvers l4adam,l4mom,momentum-clipped --jobs 2"
	straight, resumed := filepath.Join(dir, "straight"), filepath.Join(dir, "resumed")
	report := func(stdout string) string {
		_, report, _ := strings.Cut(stdout, "Mean training loss")
		report, _, _ = strings.Cut(report, "Wrote ")
		return report
	}
	want := report(succeed(t, args, "--out", straight))
	outputs := interruptAndResume(t, 1, args, "--out", resumed)
	if got := report(outputs[len(outputs)-1]); got != want {
		t.Errorf("the report is %s, want %s", got, want)
	}
	wantSameNumbers(t, filepath.Join(resumed, "dnc.csv"), filepath.Join(straight, "dnc.csv"), 3*3)
}

// TestDemoDNCRanks: two ranks share the sequences, and rank 0 shows an example.
func TestDemoDNCRanks(t *testing.T) {
	args := "dnc --epochs 1 --batch 2 --solvers l4adam --out " + t.TempDir()
	for r, k := range onRanks(t, 2, args) {
		if k.code != 0 || strings.Contains(k.stdout, "answer") != (r == 0) {
			t.Errorf("rank %d: exit code %d: %s%s", r, k.code, k.stdout, k.stderr)
		}
	}
}
