package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
)

// TestRanks: rank 0 prints and writes, an interrupt of the other rank ends both in the same step,
// and a resumed run ends with the numbers of an undisturbed run.
func TestRanks(t *testing.T) {
	dir := t.TempDir()
	straight, resumed := filepath.Join(dir, "straight"), filepath.Join(dir, "resumed")
	args := "--epochs 6 --batch 20 --solvers l4adam,l4mom,momentum --data " + smallData(t)
	for r, k := range onRanks(t, 2, args, "--out", straight) {
		if k.code != 0 || k.stderr != "" || (k.stdout != "") != (r == 0) {
			t.Fatalf("rank %d: exit code %d: %s%s", r, k.code, k.stdout, k.stderr)
		}
	}
	interruptAndResume(t, 2, args, "--out", resumed)
	wantSameNumbers(t, filepath.Join(resumed, "mnist.csv"), filepath.Join(straight, "mnist.csv"),
		3*6)
}

// TestRanksRejected: a command that cannot run on several ranks is an error, and so is a checkpoint
// of another number of ranks. Only rank 0 reports the error.
func TestRanksRejected(t *testing.T) {
	data, dir := smallData(t), t.TempDir()
	file := filepath.Join(dir, "checkpoint")
	trained := "mnist --epochs 1 --batch 20 --solvers l4adam --data " + data + " --out " + dir +
		" --checkpoint " + file
	succeed(t, trained)
	before := readFile(t, file)
	for args, want := range map[string]string{
		"regression --epochs 1 --out " + dir: "no batches to share",
		"stress":                             "runs in one process",
		"programs":                           "runs in one process",
		"mnist --batch 150 --data " + data + " --out " + dir:           "one for each of 2 ranks",
		trained + " --resume":                                          "saved with the settings",
		"mnist --solvers x":                                            `unknown solver "x"`,
		"mnist --data " + filepath.Join(dir, "none") + " --out " + dir: "none",
	} {
		for r, k := range onRanks(t, 2, args) {
			said := strings.Contains(k.stderr, want)
			if k.code != exitUsage || said != (r == 0) || k.stdout != "" {
				t.Errorf("%s: rank %d: exit code %d: %s%s", args, r, k.code, k.stdout, k.stderr)
			}
		}
	}
	if !bytes.Equal(readFile(t, file), before) {
		t.Error("the rejected checkpoint has changed")
	}
}
