package main

import (
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/l4-go/l4/internal/experiment/dataset"
)

// TestStress: a comparison writes its tables, its figure and its runs, and does not make a run
// twice when it is resumed.
func TestStress(t *testing.T) {
	dir := t.TempDir()
	base := "stress --tasks floor,rosenbrock --solvers l4adam,adam --out " + dir
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
		stdout := succeed(t, base+c.more)
		if made := strings.Contains(stdout, "runs, the last"); made != (c.made != "") {
			t.Errorf("%q: made runs: %t", c.more, made)
		}
		wantIn(t, stdout, "Adam 0.001", c.made, c.all)
		numbers(t, filepath.Join(dir, "stress-runs.csv"), c.lines)
	}
	wantFiles(t, dir, "stress.md", "stress-tasks.csv", "stress.png", "stress.svg")
}

func TestStressMistakes(t *testing.T) {
	occupied := filepath.Join(t.TempDir(), "file")
	writeFile(t, occupied, nil)
	for _, c := range []struct{ args, want string }{
		{"--tasks floor --study x", `unknown study "x": choose from suite, long`},
		{"--tasks x", `unknown task "x": choose from fashion-0`},
		{"--tasks=", `unknown task "": choose from fashion-0`},
		{"--tasks floor,rosen,floor", "floor is in the list twice: name it once"},
		{"--tasks floor --solvers x", `unknown solver "x": choose from l4adam`},
		{"--tasks floor --seeds 0", "want an integer from 1 to"},
		{"--tasks floor --out " + occupied, "not a directory"},
	} {
		wantMistake(t, c.want, "stress", c.args)
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

// fashionServer serves a small data set instead of Fashion-MNIST from the folder dir, and hides an
// installed Fashion-MNIST from the test. It counts the requests.
func fashionServer(t *testing.T) (dir string, requests *atomic.Int32) {
	dir = noisyData(t, 28)
	files, requests := serve(t, dir)
	before := dataset.FashionMNISTSource
	t.Cleanup(func() { dataset.FashionMNISTSource = before })
	dataset.FashionMNISTSource = dataset.Source{
		Name: "Fashion-MNIST", Package: before.Package, Files: files,
	}
	return dir, requests
}

// TestStressFetches: Fashion-MNIST is downloaded if it is missing, once, and only if a run needs
// it. If the download fails, the command fails.
func TestStressFetches(t *testing.T) {
	served, requests := fashionServer(t)
	base := "stress --solvers adam --seeds 1 --out " + t.TempDir()
	for _, c := range []struct {
		args     string
		requests int32
	}{
		{"--tasks floor", 0},
		{"--tasks linear,floor --resume", 4},
		{"--tasks linear,floor --resume", 0},
		{"--tasks linear", 0}, // from the cache
	} {
		stdout := succeed(t, base, c.args)
		said := strings.Count(stdout, "downloading t")
		if n := requests.Swap(0); n != c.requests || said != int(n) {
			t.Errorf("%s: %d requests, want %d: %s", c.args, n, c.requests, stdout)
		}
	}
	emptyCache(t)
	if err := os.RemoveAll(served); err != nil {
		t.Fatal(err)
	}
	code, _, stderr := demo(t, base, "--tasks linear")
	if code != exitFailed {
		t.Errorf("exit code %d", code)
	}
	wantIn(t, stderr, "404 Not Found", "apt-get install", "--data")
	folder := t.TempDir()
	if err := os.Rename(noisyData(t, 28), filepath.Join(folder, "fashion-mnist")); err != nil {
		t.Fatal(err)
	}
	succeed(t, base, "--tasks linear --data", folder)
}

// TestStressDrawsFigures: docs/figures.sh draws the figure from the runs in docs without data and
// without a run: the context is done, so a run would fail.
func TestStressDrawsFigures(t *testing.T) {
	_, requests := fashionServer(t)
	dir := t.TempDir()
	runs := readFile(t, "../../docs/data/stress-runs.csv")
	writeFile(t, filepath.Join(dir, "stress-runs.csv"), runs)
	r := interrupted(t, "stress --full --resume --data /nowhere --out", dir)
	if r.code != 0 || requests.Load() > 0 {
		t.Errorf("exit code %d, %d requests: %s%s", r.code, requests.Load(), r.stdout, r.stderr)
	}
	wantFiles(t, dir, "stress.png")
}
