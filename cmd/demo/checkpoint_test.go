package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/l4-go/l4/dist"
)

// wantSameNumbers compares the CSV of an experiment in two folders but for the times.
func wantSameNumbers(t *testing.T, experiment, got, want string) {
	t.Helper()
	g := numbers(t, filepath.Join(got, experiment+".csv"))
	w := numbers(t, filepath.Join(want, experiment+".csv"))
	if len(g) != len(w) {
		t.Fatalf("%d rows, want %d", len(g), len(w))
	}
	for i := range w {
		if a, b := strings.Join(g[i], ","), strings.Join(w[i], ","); a != b {
			t.Fatalf("row %d is %s, want %s", i, a, b)
		}
	}
}

// TestKill kills the program with SIGKILL at random moments, resumes it each time, and compares
// what comes out to a run that nobody disturbed.
func TestKill(t *testing.T) {
	if testing.Short() {
		t.Skip("takes several seconds")
	}
	if runtime.GOOS == "windows" {
		t.Skip("no SIGKILL")
	}
	dir := t.TempDir()
	binary := filepath.Join(dir, "demo")
	if out, err := exec.Command("go", "build", "--o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	args := fields("--data", smallData(t), "--epochs 20 --batch 20 --dtype float64 --restarts 2",
		"--jobs 3 --solvers l4adam,adam,l4mom:0.25")
	undisturbed, killed := filepath.Join(dir, "undisturbed"), filepath.Join(dir, "killed")
	start := time.Now()
	out, err := exec.Command(binary, append(args, "--out", undisturbed)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	whole := time.Since(start)

	args = append(args, fields("--resume --out", killed, "--checkpoint",
		filepath.Join(dir, "checkpoint"))...)
	r := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	kills := 0
	for kills < 12 {
		cmd := exec.Command(binary, args...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(r.Float64() * float64(whole) / 16))
		cmd.Process.Kill()
		if err := cmd.Wait(); err == nil {
			t.Fatalf("done after %d kills: the run is too short for this test", kills)
		}
		kills++
	}
	if out, err = exec.Command(binary, args...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	t.Logf("survived %d kills; undisturbed, the run takes %v", kills, whole)
	wantSameNumbers(t, "mnist", killed, undisturbed)

	// Whatever is finished is not done again.
	out, err = exec.Command(binary, args...).CombinedOutput()
	if err != nil || bytes.Contains(out, []byte("epoch 20/20")) {
		t.Errorf("%v: trained again:\n%s", err, out)
	}
	for _, folder := range []string{dir, killed} {
		if files, _ := filepath.Glob(filepath.Join(folder, "*.tmp")); len(files) > 0 {
			t.Errorf("left over: %v", files)
		}
	}
}

// TestResumeAfterInterrupt: Ctrl-C saves the epochs in progress, and the resumed runs end at the
// same numbers.
func TestResumeAfterInterrupt(t *testing.T) {
	data, dir := smallData(t), t.TempDir()
	args := func(out string, more ...string) []string {
		return append(fields("--data", data, "--epochs 6 --batch 20 --restarts 2 --jobs 3",
			"--solvers l4adam,momentum,l4mom --out", filepath.Join(dir, out)), more...)
	}
	if code, _, stderr := demo(t, args("straight")...); code != 0 {
		t.Fatal(stderr)
	}
	file, printed := filepath.Join(dir, "checkpoint"), ""
	for after := 2; ; after += 3 {
		ctx, cancel := context.WithCancel(context.Background())
		var stderr bytes.Buffer
		stdout := &cancelAt{after: after, cancel: cancel}
		code := run(ctx, dist.SingleProcess(), args("resumed", "--checkpoint", file, "--resume"),
			stdout, &stderr)
		cancel()
		printed += stdout.String()
		if code == 0 {
			break
		}
		if code != exitInterrupted {
			t.Fatal(stderr.String())
		}
	}
	wantSameNumbers(t, "mnist", filepath.Join(dir, "resumed"), filepath.Join(dir, "straight"))
	for _, solver := range []string{"L4Adam 0.15", "L4Mom 0.15"} { // Momentum cannot be saved
		for epoch := 1; epoch <= 6; epoch++ {
			line := fmt.Sprintf("%s, start 1/2  epoch %d/6 ", solver, epoch)
			if n := strings.Count(printed, line); n != 1 {
				t.Errorf("%q %d times", line, n)
			}
		}
	}
}

// TestCheckpointRefused: a file of other settings, a damaged one, or one that would be overwritten.
func TestCheckpointRefused(t *testing.T) {
	data, dir := smallData(t), t.TempDir()
	file := filepath.Join(dir, "checkpoint")
	args := fields("--data", data, "--epochs 2 --batch 20 --solvers l4adam",
		"--out", filepath.Join(dir, "out"), "--checkpoint", file)
	refused := func(want string, more ...string) {
		t.Helper()
		before, _ := os.ReadFile(file)
		code, _, stderr := demo(t, append(slices.Clone(args), more...)...)
		if code != exitUsage || !strings.Contains(stderr, want) {
			t.Errorf("%v: exit code %d, %q, want %q", more, code, stderr, want)
		}
		if after, _ := os.ReadFile(file); !bytes.Equal(after, before) {
			t.Errorf("%v: the refused file has changed", more)
		}
	}
	if code, _, stderr := demo(t, args...); code != 0 {
		t.Fatal(stderr)
	}
	refused("go on from it with --resume")
	for _, more := range []string{"--epochs 3", "--dtype float64", "--data " + smallData(t)} {
		refused("of other settings", more, "--resume")
	}
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	foreign, damaged := "not a checkpoint", "damaged"
	for n, want := range map[int]string{
		0: foreign, 5: foreign, len(checkpointMagic) + 2: foreign,
		len(whole) / 2: damaged, len(whole) - 1: damaged,
	} {
		writeFile(t, file, whole[:n])
		refused(want, "--resume")
	}
	for at, want := range map[int]string{
		3: foreign, len(checkpointMagic) + 1: damaged, len(whole) / 2: damaged,
	} {
		changed := bytes.Clone(whole)
		changed[at]++
		writeFile(t, file, changed)
		refused(want, "--resume")
	}
	writeFile(t, file, whole)
	if code, _, stderr := demo(t, append(args, "--resume")...); code != 0 {
		t.Errorf("the whole file: %s", stderr)
	}
}

// TestCheckpointWithoutEnd: what is not a regular file, or is larger than any checkpoint, is an
// error before it is read. No file is read into memory before its checksum is known.
func TestCheckpointWithoutEnd(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs devices and sparse files")
	}
	const large = 1 << 27
	dir := t.TempDir()
	file, data := filepath.Join(dir, "checkpoint"), smallData(t)
	sparse := func(content string, size int64) func() error {
		return func() error {
			writeFile(t, file, []byte(content))
			return os.Truncate(file, size)
		}
	}
	for _, c := range []struct {
		want string
		make func() error
	}{
		{"not a regular file", func() error { return os.Symlink("/dev/zero", file) }},
		{"not a regular file", func() error { return os.Symlink("/dev/full", file) }},
		{"not a regular file", func() error { return os.Mkdir(file, 0o755) }},
		{"want at most", sparse("", maxCheckpoint+1)},
		{"want at most", sparse(checkpointMagic, maxCheckpoint+1)},
		{"not a checkpoint", sparse("", large)},
		{"damaged", sparse(checkpointMagic, large)},
	} {
		if err := c.make(); err != nil {
			t.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		code, stdout, stderr := demo(t, "--resume --data", data, "--out", dir, "--checkpoint", file)
		if runtime.ReadMemStats(&after); after.TotalAlloc-before.TotalAlloc > large/4 {
			t.Errorf("%s: %d bytes allocated", c.want, after.TotalAlloc-before.TotalAlloc)
		}
		if code != exitUsage || stdout != "" || !strings.Contains(stderr, c.want) {
			t.Errorf("exit code %d, want %q: %s%s", code, c.want, stdout, stderr)
		}
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
	if files := filesOf(t, dir); len(files) > 0 {
		t.Errorf("left behind: %v", files)
	}
}

// TestCheckpointInUse: of two programs on one checkpoint the second is refused, and the first goes
// on.
func TestCheckpointInUse(t *testing.T) {
	dir := t.TempDir()
	args := fields("--data", smallData(t), "--epochs 3 --batch 20 --solvers l4adam",
		"--out", dir, "--resume --checkpoint", filepath.Join(dir, "checkpoint"))
	second := 0
	first := &onWrite{then: func() {
		code, stdout, stderr := demo(t, append(slices.Clone(args), "--out", t.TempDir())...)
		refused := strings.Contains(stderr, "another demo is using the file "+dir)
		if code != exitUsage || !refused || stdout != "" {
			t.Errorf("the second: exit code %d: %s%s", code, stdout, stderr)
		}
		second++
	}}
	code := run(context.Background(), dist.SingleProcess(), args, first, &first.Buffer)
	if code != 0 {
		t.Errorf("the first: exit code %d: %s", code, first.String())
	}
	if second == 0 {
		t.Error("the second has not run")
	}
	if code, _, stderr := demo(t, args...); code != 0 {
		t.Errorf("after the first: exit code %d: %s", code, stderr)
	}
}

// onWrite calls a function at each write.
type onWrite struct {
	bytes.Buffer
	then func()
}

func (o *onWrite) Write(p []byte) (int, error) {
	o.then()
	return o.Buffer.Write(p)
}

// TestCheckpointInNewFolder: a checkpoint may lie in the folder that --out is about to make.
func TestCheckpointInNewFolder(t *testing.T) {
	out := filepath.Join(t.TempDir(), "new", "folder")
	file := filepath.Join(out, "checkpoint")
	code, _, stderr := demo(t, "--data", smallData(t), "--epochs 1 --batch 20",
		"--out", out, "--checkpoint", file)
	if code != 0 {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
}

// TestCheckpointLeftovers: what a killed program has left half-written is removed, and nothing
// else.
func TestCheckpointLeftovers(t *testing.T) {
	dir := t.TempDir()
	for _, name := range fields("checkpoint.1.tmp checkpoint.tmp checkpoint.a.tmp other.1.tmp") {
		writeFile(t, filepath.Join(dir, name), nil)
	}
	code, _, stderr := demo(t, "--data", smallData(t), "--epochs 1 --batch 20",
		"--out", dir, "--checkpoint", filepath.Join(dir, "checkpoint"))
	if code != 0 {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	left, _ := filepath.Glob(filepath.Join(dir, "*.tmp"))
	for i := range left {
		left[i] = filepath.Base(left[i])
	}
	if got := strings.Join(left, " "); got != "checkpoint.a.tmp checkpoint.tmp other.1.tmp" {
		t.Errorf("left are %s", got)
	}
}

// TestCheckpointGrows: what a checkpoint has, a larger job does not make again.
func TestCheckpointGrows(t *testing.T) {
	dir := t.TempDir()
	args := fields("--data", smallData(t), "--epochs 2 --batch 20 --resume",
		"--out", dir, "--checkpoint", filepath.Join(dir, "checkpoint"))
	for _, c := range []struct {
		more string
		made int
	}{
		{"--solvers l4adam,adam", 2},
		{"--solvers l4adam,adam --restarts 3", 4},
		{"--solvers adam,sgd --restarts 2", 2},
		{"--solvers adam,sgd --batch 10,20", 2},
		{"--solvers adam,sgd --batch 10,20", 0},
	} {
		code, stdout, stderr := demo(t, append(slices.Clone(args), c.more)...)
		if made := strings.Count(stdout, "epoch 2/2"); code != 0 || made != c.made {
			t.Errorf("%s: exit code %d, %d runs, want %d: %s%s",
				c.more, code, made, c.made, stdout, stderr)
		}
	}
}
