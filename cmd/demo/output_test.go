package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gofrs/flock"

	"github.com/l4-go/l4/dist"
)

// writers are commands that write to --out, each with the files that it writes.
func writers() map[string][]string {
	return map[string][]string{
		"regression --epochs 2 --restarts 1 --solvers l4adam": {
			"regression.csv", "regression.png", "regression.svg"},
		"stress --tasks floor --solvers l4adam,adam-1e-3": {
			"stress-runs.csv", "stress-tasks.csv", "stress.md", "stress.png", "stress.svg"},
		"stress --study time --tasks floor --solvers adam-1e-3": {"stress-time-runs.csv",
			"stress-time-tasks.csv", "stress-time.md", "stress-time.png", "stress-time.svg"},
		"programs --short --tasks xor --solvers l4adam": {"programs.csv"},
	}
}

// TestOutInUse: of two demos that write the same files the second is refused, and the first loses
// nothing.
func TestOutInUse(t *testing.T) {
	for args, files := range writers() {
		dir := t.TempDir()
		args := fields(args, "--out", dir)
		second := sync.OnceFunc(func() {
			code, stdout, stderr := demo(t, args...)
			refused := strings.Contains(stderr, "--out: another demo is using the folder "+dir)
			if code != exitUsage || !refused || stdout != "" {
				t.Errorf("%s: exit code %d of the second: %s%s", args, code, stdout, stderr)
			}
			code, _, stderr = demo(t, "dnc --epochs 1 --batch 2 --solvers sgd --out", dir)
			if code != 0 {
				t.Errorf("%s: exit code %d of another command: %s", args, code, stderr)
			}
		})
		first := &onWrite{then: second}
		code := run(context.Background(), dist.SingleProcess(), args, first, &first.Buffer)
		if code != 0 {
			t.Errorf("%s: exit code %d of the first: %s", args, code, first.String())
		}
		want := append(slices.Clone(files), "dnc.csv", "dnc.png", "dnc.svg")
		if slices.Sort(want); !slices.Equal(filesOf(t, dir), want) {
			t.Errorf("%s: the folder has %v, want %v", args, filesOf(t, dir), want)
		}
		if code, _, stderr := demo(t, args...); code != 0 {
			t.Errorf("%s: exit code %d after the first: %s", args, code, stderr)
		}
	}
}

// filesOf returns the names of what is in a folder.
func filesOf(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// TestOutLeftovers: what killed demos have left half-written is removed, and nothing else.
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
		if code, _, stderr := demo(t, args, "--out", dir); code != 0 {
			t.Errorf("%s: exit code %d: %s", args, code, stderr)
		}
		if slices.Sort(want); !slices.Equal(filesOf(t, dir), want) {
			t.Errorf("%s: the folder has %v, want %v", args, filesOf(t, dir), want)
		}
	}
}

// TestDrawInUse: draw neither writes a figure that another demo may be writing, nor leaves behind
// what a killed one has left of it.
func TestDrawInUse(t *testing.T) {
	csv, dir := filepath.Join(t.TempDir(), "mnist-2.csv"), t.TempDir()
	writeFile(t, csv, []byte(strings.Join(columns, ",")+"\n"+goodRow))
	release, err := openOut(dir, "mnist-2")
	if err != nil {
		t.Fatal(err)
	}
	code, _, stderr := demo(t, "draw", csv, "--out", dir)
	if code != exitUsage || !strings.Contains(stderr, "another demo is using the folder "+dir) {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	release()
	writeFile(t, filepath.Join(dir, "mnist-2.png.1.tmp"), nil)
	if code, _, stderr := demo(t, "draw", csv, "--out", dir); code != 0 {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	if got := filesOf(t, dir); !slices.Equal(got, []string{"mnist-2.png"}) {
		t.Errorf("the folder has %v", got)
	}
}

// TestLockRemoved: a lock on a file that its last owner has removed is not a lock, even if a third
// demo has made the file again.
func TestLockRemoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	l := flock.New(path + ".lock")
	if locked, err := l.TryLock(); err != nil || !locked || !hasName(l) {
		t.Fatalf("locked %v, %v, has its name %v", locked, err, hasName(l))
	}
	defer l.Unlock()
	if runtime.GOOS == "windows" {
		t.Skip("a file in use cannot be removed")
	}
	if err := os.Remove(l.Path()); err != nil || hasName(l) {
		t.Errorf("%v: the removed file has its name", err)
	}
	release, err := takeLock(path, "")
	if err != nil || hasName(l) {
		t.Fatalf("%v: the file of another lock is taken for this one's", err)
	}
	release()
	if files := filesOf(t, filepath.Dir(path)); len(files) != 0 {
		t.Errorf("left behind: %v", files)
	}
}

// TestLockTogether: of demos that come and go, one at a time has the lock.
func TestLockTogether(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	var group sync.WaitGroup
	var owners, taken atomic.Int32
	for range 8 {
		group.Go(func() {
			for range 5000 {
				release, err := takeLock(path, "")
				if err != nil {
					continue
				}
				taken.Add(1)
				if n := owners.Add(1); n > 1 {
					t.Errorf("%d owners", n)
				}
				runtime.Gosched()
				owners.Add(-1)
				release()
			}
		})
	}
	group.Wait()
	if taken.Load() < 100 {
		t.Errorf("the lock was taken %d times", taken.Load())
	}
}

// TestUnwritableFile: a file that can no longer be written keeps neither the others nor the table
// from the user.
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
			stdout, stderr := &onWrite{then: occupy}, new(bytes.Buffer)
			args := fields(args, "--out", dir)
			code := run(context.Background(), dist.SingleProcess(), args, stdout, stderr)
			if code != exitFailed || !strings.Contains(stderr.String(), occupied) {
				t.Errorf("%s, %s: exit code %d: %s", args, occupied, code, stderr)
			}
			if !slices.Equal(filesOf(t, dir), files) || !strings.Contains(stdout.String(), "Adam") {
				t.Errorf("%s, %s: the folder has %v: %s", args, occupied, filesOf(t, dir), stdout)
			}
		}
	}
}
