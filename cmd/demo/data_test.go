package main

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/l4-go/l4/internal/experiment/compare"
	"github.com/l4-go/l4/internal/experiment/dataset"
)

// fetched adds an experiment with data on a test server, and an empty cache. The server answers
// with the given status. fetched returns the number of requests.
func fetched(t *testing.T, status int) *atomic.Int32 {
	var requests atomic.Int32
	content := []byte("data")
	handler := func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		w.WriteHeader(status)
		w.Write(content)
	}
	server := httptest.NewServer(http.HandlerFunc(handler))
	t.Cleanup(server.Close)
	emptyCache(t)
	addExperiment(t, func() experiment {
		e := planted()
		e.name, e.data, e.batches = "fetched", "the file", []int{1}
		e.source = &dataset.Source{Name: "Set", Files: []dataset.File{{
			URL: server.URL + "/file", Size: int64(len(content)),
			SHA256: fmt.Sprintf("%x", sha256.Sum256(content)),
		}}}
		newTasks := e.newTasks
		e.newTasks = func(s settings) ([]compare.Task, error) {
			if _, err := os.ReadFile(filepath.Join(s.data, "file")); err != nil {
				return nil, err
			}
			tasks, err := newTasks(s)
			for i := range tasks {
				tasks[i].EpochSteps = 2 // for two ranks
			}
			return tasks, err
		}
		return e
	})
	return &requests
}

// emptyCache replaces the user's cache by an empty folder during the test.
func emptyCache(t *testing.T) {
	for _, name := range []string{"HOME", "XDG_CACHE_HOME", "LocalAppData"} {
		t.Setenv(name, t.TempDir())
	}
}

// TestFetchData: the data is downloaded once, and not at all if the user names a folder.
func TestFetchData(t *testing.T) {
	requests, named := fetched(t, http.StatusOK), t.TempDir()
	writeFile(t, filepath.Join(named, "file"), nil)
	for _, c := range []struct {
		args     string
		fetches  bool
		requests int32
	}{{"--data " + named, false, 0}, {"", true, 1}, {"", false, 1}} {
		code, stdout, stderr := demo(t, "fetched --epochs 1 --out", t.TempDir(), c.args)
		if code != 0 || strings.Contains(stdout, "downloading file, 4e-06 MB\n") != c.fetches ||
			requests.Load() != c.requests {
			t.Errorf("%q: exit code %d, %d requests: %s%s", c.args, code, requests.Load(), stdout,
				stderr)
		}
	}
}

// TestFetchOnRanks: rank 0 downloads the data and reports it. The other ranks find the data.
func TestFetchOnRanks(t *testing.T) {
	requests := fetched(t, http.StatusOK)
	args := "fetched --epochs 1 --out " + t.TempDir()
	for r, k := range onRanks(t, background(2), nil, args) {
		if k.code != 0 || strings.Contains(k.stdout, "downloading") != (r == 0) {
			t.Errorf("rank %d: exit code %d: %s%s", r, k.code, k.stdout, k.stderr)
		}
	}
	if requests.Load() != 1 {
		t.Errorf("%d requests", requests.Load())
	}
}

// TestFetchFails: rank 0 reports what to do by hand, and no rank trains.
func TestFetchFails(t *testing.T) {
	fetched(t, http.StatusNotFound)
	args := "fetched --epochs 1 --out " + t.TempDir()
	for r, k := range onRanks(t, background(2), nil, args) {
		said := strings.Contains(k.stderr, "404") && strings.Contains(k.stderr, "--data")
		if k.code != exitUsage || said != (r == 0) || k.stdout != "" {
			t.Errorf("rank %d: exit code %d: %s%s", r, k.code, k.stdout, k.stderr)
		}
	}
}
