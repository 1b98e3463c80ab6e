package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/l4-go/l4/internal/experiment/compare"
)

// writers are commands that write to --out, each with the files that it writes.
func writers() map[string][]string {
	return map[string][]string{
		"regression --epochs 2 --seeds 1 --solvers l4adam": {
			"regression.csv", "regression.png", "regression.svg"},
		"stress --tasks floor --solvers l4adam,adam": {
			"stress-runs.csv", "stress-tasks.csv", "stress.md", "stress.png", "stress.svg"},
		"stress --study time --tasks floor --solvers adam": {"stress-time-runs.csv",
			"stress-time-tasks.csv", "stress-time.md", "stress-time.png", "stress-time.svg"},
		"programs --short --tasks xor --solvers l4adam": {"programs.csv"},
	}
}

// TestOutInUse: if two demos would write the same files, the second stops with an error, and the
// first writes all its files.
func TestOutInUse(t *testing.T) {
	for args, files := range writers() {
		dir := t.TempDir()
		args := args + " --out " + dir
		second := sync.OnceFunc(func() {
			wantMistake(t, "--out: another demo is using the folder "+dir, args)
			code, _, stderr := demo(t, "dnc --epochs 1 --batch 2 --solvers sgd --out", dir)
			if code != 0 {
				t.Errorf("%s: exit code %d of another command: %s", args, code, stderr)
			}
		})
		first := start(t, 1, context.Background(), second, args)[0]
		if first.code != 0 {
			t.Errorf("%s: exit code %d of the first: %s", args, first.code, first.stderr)
		}
		want := append(slices.Clone(files), "dnc.csv", "dnc.png", "dnc.svg")
		if slices.Sort(want); !slices.Equal(filesOf(t, dir), want) {
			t.Errorf("%s: the folder has %v, want %v", args, filesOf(t, dir), want)
		}
		succeed(t, args)
	}
}

// TestOutLeftovers: the unfinished files of killed demos are removed, and no other files.
func TestOutLeftovers(t *testing.T) {
	for args, files := range writers() {
		dir := t.TempDir()
		want := append(slices.Clone(files), "other.csv.1.tmp")
		for _, name := range files {
			writeFile(t, filepath.Join(dir, name+".1.tmp"), nil)
			want = append(want, name+".tmp")
		}
		for _, name := range want[len(files):] {
			writeFile(t, filepath.Join(dir, name), nil)
		}
		succeed(t, args, "--out", dir)
		if slices.Sort(want); !slices.Equal(filesOf(t, dir), want) {
			t.Errorf("%s: the folder has %v, want %v", args, filesOf(t, dir), want)
		}
	}
}

// TestDrawInUse: draw does not write a figure that another demo may be writing, and removes the
// unfinished figure of a killed demo.
func TestDrawInUse(t *testing.T) {
	csv, dir := filepath.Join(t.TempDir(), "mnist-2.csv"), t.TempDir()
	writeFile(t, csv, []byte(goodCSV))
	release, err := compare.OpenFolder(dir, "mnist-2")
	if err != nil {
		t.Fatal(err)
	}
	wantMistake(t, "another demo is using the folder "+dir, "draw", csv, "--out", dir)
	release()
	writeFile(t, filepath.Join(dir, "mnist-2.png.1.tmp"), nil)
	succeed(t, "draw", csv, "--out", dir)
	if got := filesOf(t, dir); !slices.Equal(got, []string{"mnist-2.png"}) {
		t.Errorf("the folder has %v", got)
	}
}

// TestUnwritableFile: if a file can no longer be written, the other files and the table still are.
func TestUnwritableFile(t *testing.T) {
	for args, files := range writers() {
		for _, occupied := range files {
			if strings.HasSuffix(occupied, "-runs.csv") {
				continue // is open
			}
			dir := t.TempDir()
			occupy := sync.OnceFunc(func() {
				if err := os.Mkdir(filepath.Join(dir, occupied), 0o755); err != nil {
					t.Error(err)
				}
			})
			r := start(t, 1, context.Background(), occupy, args, "--out", dir)[0]
			if r.code != exitFailed || !strings.Contains(r.stderr, occupied) {
				t.Errorf("%s, %s: exit code %d: %s", args, occupied, r.code, r.stderr)
			}
			if !slices.Equal(filesOf(t, dir), files) || !strings.Contains(r.stdout, "Adam") {
				t.Errorf("%s, %s: the folder has %v: %s", args, occupied, filesOf(t, dir), r.stdout)
			}
		}
	}
}
