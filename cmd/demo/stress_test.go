package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/l4-go/l4/dist"
)

// TestStress: a comparison writes its tables, its figure and its runs, and does not make a run
// twice when it is resumed.
func TestStress(t *testing.T) {
	dir := t.TempDir()
	lines := func() int {
		data, err := os.ReadFile(filepath.Join(dir, "stress-runs.csv"))
		if err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		return len(rows) - 1
	}
	base := "stress --tasks floor,rosenbrock --solvers l4adam,adam-1e-3 --out " + dir
	for _, c := range []struct {
		more      string
		made, all string
		lines     int
	}{
		{"", "8 of 8 runs", "0 of 4", 8},
		{" --seeds 3 --resume", "12 of 12 runs", "0 of 6", 12},
		{" --seeds 3 --resume", "", "0 of 6", 12},
		{" --seeds 1", "4 of 4 runs", "0 of 2", 4},
	} {
		code, stdout, stderr := demo(t, base+c.more)
		if code != 0 {
			t.Fatalf("%q: exit code %d: %s", c.more, code, stderr)
		}
		made := strings.Contains(stdout, "runs, the last")
		if !strings.Contains(stdout, c.made) || made != (c.made != "") {
			t.Errorf("%q: no %q in %s", c.more, c.made, stdout)
		}
		if !strings.Contains(stdout, "Adam 1e-3") || !strings.Contains(stdout, c.all) {
			t.Errorf("%q: no summary of Adam with %q failed in %s", c.more, c.all, stdout)
		}
		if got := lines(); got != c.lines {
			t.Errorf("%q: %d runs in the file, want %d", c.more, got, c.lines)
		}
	}
	for _, name := range []string{"stress.md", "stress-tasks.csv", "stress.png", "stress.svg"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestStressMistakes(t *testing.T) {
	occupied := filepath.Join(t.TempDir(), "file")
	writeFile(t, occupied, nil)
	for _, c := range []struct{ args, want string }{
		{"--study x", `no study "x": choose from suite, long`},
		{"--tasks floor,x", `no task "x": choose from fashion-0`},
		{"--solvers adam", `no solver "adam": choose from l4adam`},
		{"--seeds 0", "want an integer from 1 to"},
		{"--out " + occupied, "not a directory"},
	} {
		code, _, stderr := demo(t, "stress --tasks floor "+c.args)
		if code != exitUsage || !strings.Contains(stderr, c.want) {
			t.Errorf("%s: exit code %d, %q, want %q", c.args, code, stderr, c.want)
		}
	}
}

// TestStressWithoutData: files that cannot be read are a failure.
func TestStressWithoutData(t *testing.T) {
	dir := t.TempDir()
	code, _, stderr := demo(t, "stress --tasks mnist-0 --data", dir, "--out", dir)
	if code != exitFailed || !strings.Contains(stderr, "train-images") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}

// TestStressInterrupted: the exit code tells.
func TestStressInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var stdout, stderr bytes.Buffer
	code := run(ctx, dist.Alone(), fields("stress --tasks floor --out", t.TempDir()), &stdout, &stderr)
	if code != exitInterrupted {
		t.Errorf("exit code %d: %s", code, stderr.String())
	}
}
