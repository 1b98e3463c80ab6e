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

// serve starts a server for the files of a folder, and empties the cache. It counts the requests.
func serve(t *testing.T, dir string) (files []dataset.File, requests *atomic.Int32) {
	requests = new(atomic.Int32)
	handler := http.FileServer(http.Dir(dir))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	emptyCache(t)
	for _, name := range filesOf(t, dir) {
		data := readFile(t, filepath.Join(dir, name))
		files = append(files, dataset.File{
			URL: server.URL + "/" + name, Size: int64(len(data)),
			SHA256: fmt.Sprintf("%x", sha256.Sum256(data)),
		})
	}
	return files, requests
}

// fetched adds an experiment whose data is a file on a test server. The server has the file in the
// folder dir.
func fetched(t *testing.T) (dir string, requests *atomic.Int32) {
	dir = t.TempDir()
	writeFile(t, filepath.Join(dir, "file"), []byte("data"))
	files, requests := serve(t, dir)
	addExperiment(t, func() experiment {
		e := planted()
		e.name, e.data, e.batches = "fetched", "the file", []int{1}
		e.source = &dataset.Source{Name: "Set", Files: files}
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
	return dir, requests
}

// emptyCache replaces the user's cache by an empty folder during the test.
func emptyCache(t *testing.T) {
	for _, name := range []string{"HOME", "XDG_CACHE_HOME", "LocalAppData"} {
		t.Setenv(name, t.TempDir())
	}
}

// TestFetchData: the data is downloaded once, and not at all if the user names a folder.
func TestFetchData(t *testing.T) {
	_, requests := fetched(t)
	named := t.TempDir()
	writeFile(t, filepath.Join(named, "file"), nil)
	for _, c := range []struct {
		args     string
		fetches  bool
		requests int32
	}{{"--data " + named, false, 0}, {"", true, 1}, {"", false, 1}} {
		stdout := succeed(t, "fetched --epochs 1 --out", t.TempDir(), c.args)
		if strings.Contains(stdout, "downloading file, 4e-06 MB\n") != c.fetches ||
			requests.Load() != c.requests {
			t.Errorf("%q: %d requests: %s", c.args, requests.Load(), stdout)
		}
	}
}

// TestFetchOnRanks: rank 0 downloads the data and reports it. The other ranks find the data.
func TestFetchOnRanks(t *testing.T) {
	_, requests := fetched(t)
	args := "fetched --epochs 1 --out " + t.TempDir()
	for r, k := range onRanks(t, 2, args) {
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
	served, _ := fetched(t)
	if err := os.Remove(filepath.Join(served, "file")); err != nil {
		t.Fatal(err)
	}
	args := "fetched --epochs 1 --out " + t.TempDir()
	for r, k := range onRanks(t, 2, args) {
		said := strings.Contains(k.stderr, "404") && strings.Contains(k.stderr, "--data")
		if k.code != exitUsage || said != (r == 0) || k.stdout != "" {
			t.Errorf("rank %d: exit code %d: %s%s", r, k.code, k.stdout, k.stderr)
		}
	}
}
