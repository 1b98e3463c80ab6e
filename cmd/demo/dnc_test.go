package main

import (
	"bytes"
	"context"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/l4-go/l4/dist"
)

// TestDemoDNC: there is a table, an example answer of each net, and a row of the CSV for each
// epoch.
func TestDemoDNC(t *testing.T) {
	out := t.TempDir()
	code, stdout, stderr := demo(t, "dnc --epochs 1 --batch 2,3 --out", out)
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	for _, want := range []string{"L4Mom 0.15", "RMSProp, clipped 0.005", "Adam, clipped 0.01",
		"batches of 3", "step 100", "right"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("%q is not in the output:\n%s", want, stdout)
		}
	}
	for _, want := range []string{"  pattern  ", "  target   ", "  answer   "} {
		if n := strings.Count(stdout, want); n != 2*6 {
			t.Errorf("%q stands %d times in the output:\n%s", want, n, stdout)
		}
	}
	rows := numbers(t, filepath.Join(out, "dnc.csv"))
	if len(rows) != 1+2*6 {
		t.Errorf("%d rows in the CSV", len(rows))
	}
	for _, row := range rows[1:] {
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
	code, _, stderr := demo(t, "dnc --epochs 8 --solvers l4adam-plain --out", out)
	if code != 0 {
		t.Fatal(stderr)
	}
	rows := numbers(t, filepath.Join(out, "dnc.csv"))
	right, err := strconv.ParseFloat(rows[len(rows)-1][8], 64)
	if err != nil || right < 0.97 {
		t.Errorf("the share of right answers is %v after 800 steps: %v", right, err)
	}
}

// TestDemoDNCResumes: a comparison that is interrupted several times ends with the same numbers and
// the same examples.
func TestDemoDNCResumes(t *testing.T) {
	dir := t.TempDir()
	args := fields("dnc --epochs 3 --batch 2 --solvers l4adam,l4mom,momentum-clipped --jobs 2")
	straight, resumed := filepath.Join(dir, "straight"), filepath.Join(dir, "resumed")
	code, want, stderr := demo(t, append(args, "--out", straight)...)
	if code != 0 {
		t.Fatal(stderr)
	}
	args = append(args, "--out", resumed, "--resume", "--checkpoint",
		filepath.Join(dir, "checkpoint"))
	got, interrupts := "", 0
	for after := 2; ; after += 2 {
		ctx, cancel := context.WithCancel(context.Background())
		stdout, stderr := &cancelAt{after: after, cancel: cancel}, new(bytes.Buffer)
		code := run(ctx, dist.SingleProcess(), args, stdout, stderr)
		cancel()
		if code == 0 {
			got = stdout.String()
			break
		}
		if code != exitInterrupted {
			t.Fatal(stderr.String())
		}
		interrupts++
	}
	if interrupts == 0 {
		t.Error("nothing was interrupted")
	}
	wantSameNumbers(t, "dnc", resumed, straight)
	report := func(stdout string) string {
		_, report, _ := strings.Cut(stdout, "Mean training loss")
		report, _, _ = strings.Cut(report, "Wrote ")
		return report
	}
	if report(got) != report(want) {
		t.Errorf("the report is %s, want %s", report(got), report(want))
	}
}

// TestDemoDNCRanks: two ranks share the sequences, and rank 0 shows an example.
func TestDemoDNCRanks(t *testing.T) {
	args := fields("dnc --epochs 1 --batch 2 --solvers l4adam --out", t.TempDir())
	for r, k := range onRanks(t, background(2), nil, args...) {
		if k.code != 0 || strings.Contains(k.stdout, "answer") != (r == 0) {
			t.Errorf("rank %d: exit code %d: %s%s", r, k.code, k.stdout, k.stderr)
		}
	}
}
