package main

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestDemo(t *testing.T) {
	out := filepath.Join(t.TempDir(), "new", "folder")
	stdout := succeed(t, "mnist --data", smallData(t), "--out", out,
		"--epochs 3 --batch 20 --seeds 2 --jobs 1",
		"--solvers l4adam,l4adam:0.25,l4mom,adam,momentum:0.1,sgd,rmsprop")
	wantIn(t, stdout, "solver", "in Step", "L4Adam 0.25", "Momentum 0.1", "RMSProp 0.001", "±",
		"epoch 3/3")
	wantFiles(t, out, "mnist.png", "mnist.svg")
	numbers(t, filepath.Join(out, "mnist.csv"), 7*2*3)
}

func TestDemoRegression(t *testing.T) {
	out := t.TempDir()
	stdout := succeed(t, "--epochs 2 --out", out, "--dtype float32 regression")
	wantIn(t, stdout, "L4Mom 0.25", "SGD 4e-05", "condition number 1e+10",
		"notebook, condition number 14", "seed 5/5")
	numbers(t, filepath.Join(out, "regression.csv"), 2*6*5*2)
}

// TestFull: --full makes the paper's table, and given flags override it. With several runs at the
// same time the table has no times, on any number of cores. The paper's numbers are for batches of
// 64 only.
func TestFull(t *testing.T) {
	out := t.TempDir()
	stdout := succeed(t, "--full --epochs 2 --seeds 2 --jobs 2 --out", out, "--data", smallData(t))
	wantIn(t, stdout, "L4Mom 0.25", "Momentum 0.05", "95.7 ± 0.3", "0.35", "seed 2/2  epoch 2/2",
		"epoch 1")
	wantNotIn(t, stdout, "in Step", "epoch 10")
	numbers(t, filepath.Join(out, "mnist.csv"), 6*2*2)
	stdout = succeed(t, "--full --epochs 1 --seeds 1 --batch 20 --out", out, "--data", smallData(t))
	wantNotIn(t, stdout, "95.7 ± 0.3", " 0.35\n")
}

// TestJobs: runs at the same time have the same bits as runs one after the other.
func TestJobs(t *testing.T) {
	data, dir := smallData(t), t.TempDir()
	for _, jobs := range []string{"1", "4"} {
		stdout := succeed(t, "--jobs", jobs, "--out", filepath.Join(dir, jobs), "--data", data,
			"--epochs 3 --batch 10,20 --seeds 2 --solvers l4adam,l4mom,adam,rmsprop,sgd:9e5")
		wantIn(t, stdout, "batches of 10", "batches of 20")
	}
	wantSameNumbers(t, filepath.Join(dir, "4", "mnist.csv"), filepath.Join(dir, "1", "mnist.csv"),
		4*2*2*3)
}

// TestInterrupt: an interrupted comparison writes the results so far and has its own exit code.
func TestInterrupt(t *testing.T) {
	out, lines := t.TempDir(), 0
	ctx, cancel := context.WithCancel(context.Background())
	r := start(t, 1, ctx, func() {
		if lines++; lines == 3 {
			cancel()
		}
	}, "--data", smallData(t), "--out", out, "--epochs 1000 --batch 20")[0]
	if r.code != exitInterrupted || !strings.Contains(r.stderr, "interrupted") {
		t.Errorf("exit code %d: %s", r.code, r.stderr)
	}
	if rows := strings.Count(string(readFile(t, filepath.Join(out, "mnist.csv"))), "\n"); rows < 3 {
		t.Errorf("%d rows in the CSV", rows)
	}
	wantFiles(t, out, "mnist.png", "mnist.svg")
}

// TestDivergence: the table has a row for a run that diverges, even in its first epoch.
func TestDivergence(t *testing.T) {
	for _, solvers := range []string{"sgd:9e5,l4adam", "l4adam,sgd:9e5"} {
		out := t.TempDir()
		stdout := succeed(t, "--data", smallData(t), "--out", out,
			"--epochs 2 --batch 20 --solvers", solvers)
		wantIn(t, stdout, "SGD 900000 (1 of 1 ended early)", "Wrote")
		numbers(t, filepath.Join(out, "mnist.csv"), 2)
	}
}

// TestUnwritable: a file that cannot be replaced, a folder that cannot be written, and a checkpoint
// that cannot be written are reported before the training.
func TestUnwritable(t *testing.T) {
	occupied := t.TempDir()
	if err := os.Mkdir(filepath.Join(occupied, "mnist.csv"), 0o755); err != nil {
		t.Fatal(err)
	}
	args := "--epochs 1 --batch 20 --data " + smallData(t)
	wantMistake(t, "mnist.csv is a folder", args, "--out", occupied)
	if runtime.GOOS == "linux" { // not even for root
		wantMistake(t, "cannot lock the folder /proc/self", args, "--out /proc/self")
	}
	if files := filesOf(t, occupied); len(files) != 1 {
		t.Errorf("left over: %v", files)
	}
	file := filepath.Join(t.TempDir(), "no", "file")
	wantMistake(t, file, args, "--out", t.TempDir(), "--checkpoint", file)
}
