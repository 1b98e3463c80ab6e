package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/l4-go/l4/dist"
	"github.com/l4-go/l4/internal/experiment/dataset"
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
		code, stdout, stderr := demo(t, base+c.more)
		if code != 0 {
			t.Fatalf("%q: exit code %d: %s", c.more, code, stderr)
		}
		made := strings.Contains(stdout, "runs, the last")
		if !strings.Contains(stdout, c.made) || made != (c.made != "") {
			t.Errorf("%q: no %q in %s", c.more, c.made, stdout)
		}
		if !strings.Contains(stdout, "Adam 0.001") || !strings.Contains(stdout, c.all) {
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
		{"--study x", `unknown study "x": choose from suite, long`},
		{"--tasks floor,x", `unknown task "x": choose from fashion-0`},
		{"--solvers x", `unknown solver "x": choose from l4adam`},
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

// fashionServer serves a small data set instead of Fashion-MNIST from the folder dir, and hides an
// installed Fashion-MNIST from the test. It counts the requests.
func fashionServer(t *testing.T) (dir string, requests *atomic.Int32) {
	dir, requests = noisyData(t, 28), new(atomic.Int32)
	files := http.FileServer(http.Dir(dir))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		files.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	emptyCache(t)
	before := dataset.FashionMNISTSource
	t.Cleanup(func() { dataset.FashionMNISTSource = before })
	dataset.FashionMNISTSource = dataset.Source{Name: "Fashion-MNIST", Package: before.Package}
	for _, name := range filesOf(t, dir) {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		dataset.FashionMNISTSource.Files = append(dataset.FashionMNISTSource.Files, dataset.File{
			URL: server.URL + "/" + name, Size: int64(len(data)),
			SHA256: fmt.Sprintf("%x", sha256.Sum256(data)),
		})
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
		code, stdout, stderr := demo(t, base, c.args)
		said := strings.Count(stdout, "downloading t")
		if code != 0 || requests.Swap(0) != c.requests || said != int(c.requests) {
			t.Errorf("%s: exit code %d, want %d requests: %s%s", c.args, code, c.requests, stdout,
				stderr)
		}
	}
	emptyCache(t)
	if err := os.RemoveAll(served); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := demo(t, base, "--tasks linear")
	for _, want := range []string{"404 Not Found", "apt-get install", "--data"} {
		if code != exitFailed || !strings.Contains(stderr, want) {
			t.Errorf("exit code %d, want %q: %s%s", code, want, stdout, stderr)
		}
	}
	folder := t.TempDir()
	if err := os.Rename(noisyData(t, 28), filepath.Join(folder, "fashion-mnist")); err != nil {
		t.Fatal(err)
	}
	args := "--tasks linear --data " + folder
	if code, stdout, stderr := demo(t, base, args); code != 0 {
		t.Errorf("%s: exit code %d: %s%s", args, code, stdout, stderr)
	}
}

// TestStressDrawsFigures: docs/figures.sh draws the figure from the runs in docs without data and
// without a run: the context is done, so a run would fail.
func TestStressDrawsFigures(t *testing.T) {
	_, requests := fashionServer(t)
	runs, err := os.ReadFile("../../docs/data/stress-runs.csv")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "stress-runs.csv"), runs)
	done, cancel := context.WithCancel(context.Background())
	cancel()
	var stdout, stderr bytes.Buffer
	args := fields("stress --full --resume --data /nowhere --out", dir)
	code := run(done, dist.SingleProcess(), args, &stdout, &stderr)
	if code != 0 || requests.Load() > 0 {
		t.Errorf("exit code %d, %d requests: %s%s", code, requests.Load(), &stdout, &stderr)
	}
	if _, err := os.Stat(filepath.Join(dir, "stress.png")); err != nil {
		t.Error(err)
	}
}

// TestStressInterrupted: an interrupt has its own exit code.
func TestStressInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var stdout, stderr bytes.Buffer
	args := fields("stress --tasks floor --out", t.TempDir())
	code := run(ctx, dist.SingleProcess(), args, &stdout, &stderr)
	if code != exitInterrupted {
		t.Errorf("exit code %d: %s", code, stderr.String())
	}
}
