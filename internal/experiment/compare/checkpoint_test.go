package compare

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// checkpointOf returns the bytes of a checkpoint with results.
func checkpointOf(t *testing.T, file string) []byte {
	t.Helper()
	c, _ := regressions(t, "l4adam", file)
	train(t, c)
	c.Checkpoint.Close()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestCheckpointRejected: a file with other settings, a damaged file, a file of another kind, and a
// file that would be overwritten are errors. The file does not change.
func TestCheckpointRejected(t *testing.T) {
	file := filepath.Join(t.TempDir(), "checkpoint")
	good := checkpointOf(t, file)
	magic := len(checkpointFormat.Magic)
	changed := func(at int) []byte {
		data := bytes.Clone(good)
		data[at]++
		return data
	}
	foreign, damaged := "not an intact checkpoint (the data does not begin with",
		"not an intact checkpoint (the data is corrupt"
	for name, c := range map[string]struct {
		data     []byte
		settings string
		resume   bool
		want     string
	}{
		"exists":         {good, "settings", false, "resume it with --resume, or name another"},
		"other settings": {good, "others", true, "the settings settings, but these are others"},
		"empty":          {nil, "settings", true, foreign},
		"short":          {good[:5], "settings", true, foreign},
		"magic alone":    {good[:magic+2], "settings", true, foreign},
		"other magic":    {changed(3), "settings", true, foreign},
		"half":           {good[:len(good)/2], "settings", true, damaged},
		"cut":            {good[:len(good)-1], "settings", true, damaged},
		"version":        {changed(magic), "settings", true, damaged},
		"changed":        {changed(len(good) / 2), "settings", true, damaged},
	} {
		if err := os.WriteFile(file, c.data, 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := OpenCheckpoint(file, c.settings, c.resume)
		if err == nil || !strings.HasPrefix(err.Error(), file) ||
			!strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
		if after, _ := os.ReadFile(file); !bytes.Equal(after, c.data) {
			t.Errorf("%s: the rejected file has changed", name)
		}
	}
	if err := os.WriteFile(file, good, 0o644); err != nil {
		t.Fatal(err)
	}
	c, err := OpenCheckpoint(file, "settings", true)
	if err != nil || len(c.Done) != 4 {
		t.Errorf("the intact file: %d results, %v", len(c.Done), err)
	}
	c.Close()
}

// TestCheckpointWithoutEnd: a file that is not regular, or is larger than any checkpoint, is an
// error before it is read. A file is read into memory only after its checksum is checked.
func TestCheckpointWithoutEnd(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs devices and sparse files")
	}
	const large = 1 << 27
	dir := t.TempDir()
	file := filepath.Join(dir, "checkpoint")
	sparse := func(content string, size int64) func() error {
		return func() error {
			if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
				return err
			}
			return os.Truncate(file, size)
		}
	}
	magic := checkpointFormat.Magic
	for _, c := range []struct {
		want string
		make func() error
	}{
		{"not a regular file", func() error { return os.Symlink("/dev/zero", file) }},
		{"not a regular file", func() error { return os.Symlink("/dev/full", file) }},
		{"not a regular file", func() error { return os.Mkdir(file, 0o755) }},
		{"want at most", sparse("", maxCheckpoint+1)},
		{"want at most", sparse(magic, maxCheckpoint+1)},
		{"does not begin with", sparse("", large)},
		{"is corrupt", sparse(magic, large)},
	} {
		if err := c.make(); err != nil {
			t.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := OpenCheckpoint(file, "settings", true)
		if runtime.ReadMemStats(&after); after.TotalAlloc-before.TotalAlloc > large/4 {
			t.Errorf("%s: %d bytes allocated", c.want, after.TotalAlloc-before.TotalAlloc)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want %q", err, c.want)
		}
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) > 0 {
		t.Errorf("left behind: %v, %v", files, err)
	}
}

// TestCheckpointInUse: if two programs use one checkpoint, the second program gets an error.
func TestCheckpointInUse(t *testing.T) {
	file := filepath.Join(t.TempDir(), "checkpoint")
	first, err := OpenCheckpoint(file, "settings", true)
	if err != nil {
		t.Fatal(err)
	}
	_, err = OpenCheckpoint(file, "settings", true)
	if err == nil || !strings.Contains(err.Error(), "another demo is using the file "+file) {
		t.Errorf("the second: %v", err)
	}
	first.Close()
	second, err := OpenCheckpoint(file, "settings", true)
	if err != nil {
		t.Fatalf("after the first: %v", err)
	}
	second.Close()
}

// TestCheckpointLeftovers: OpenCheckpoint removes only the unfinished files of killed programs.
func TestCheckpointLeftovers(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"checkpoint.1.tmp", "checkpoint.tmp", "checkpoint.a.tmp",
		"other.1.tmp"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	c, err := OpenCheckpoint(filepath.Join(dir, "checkpoint"), "settings", true)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	entries, err := os.ReadDir(dir)
	var left []string
	for _, e := range entries {
		left = append(left, e.Name())
	}
	want := []string{"checkpoint", "checkpoint.a.tmp", "checkpoint.tmp", "other.1.tmp"}
	if err != nil || !slices.Equal(left, want) {
		t.Errorf("left are %v, want %v; %v", left, want, err)
	}
}

// TestCheckpointGrows: a larger comparison does not repeat the runs of the checkpoint.
func TestCheckpointGrows(t *testing.T) {
	file := filepath.Join(t.TempDir(), "checkpoint")
	for _, c := range []struct {
		solvers string
		seeds   int
		made    int
	}{
		{"l4adam,adam", 1, 4}, {"l4adam,adam", 3, 8}, {"adam,sgd", 2, 4}, {"adam,sgd", 2, 0},
	} {
		comparison, h := regressions(t, c.solvers, file)
		comparison.Seeds = Seeds(1, c.seeds)
		if train(t, comparison); len(h.begun) != c.made {
			t.Errorf("%s from %d seeds: %d runs, want %d", c.solvers, c.seeds, len(h.begun), c.made)
		}
		comparison.Checkpoint.Close()
	}
}
