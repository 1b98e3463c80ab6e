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

// wantSameNumbers compares the CSV files of an experiment in two folders, except for the times.
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

// TestKill kills the program with SIGKILL at random moments, resumes it each time, and compares the
// results with the results of an undisturbed run.
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
	args := fields("--data", smallData(t), "--epochs 20 --batch 20 --dtype float64 --seeds 2",
		"--jobs 3 --solvers l4adam,adam,l4mom:0.25")
	undisturbed, killed := filepath.Join(dir, "undisturbed"), filepath.Join(dir, "killed")
	start := time.Now()
	out, err := exec.Command(binary, append(args, "--out", undisturbed)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	total := time.Since(start)

	args = append(args, fields("--resume --out", killed, "--checkpoint",
		filepath.Join(dir, "checkpoint"))...)
	r := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	kills := 0
	for kills < 12 {
		cmd := exec.Command(binary, args...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(r.Float64() * float64(total) / 16))
		cmd.Process.Kill()
		if err := cmd.Wait(); err == nil {
			t.Fatalf("done after %d kills: the run is too short for this test", kills)
		}
		kills++
	}
	if out, err = exec.Command(binary, args...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	t.Logf("survived %d kills; undisturbed, the run takes %v", kills, total)
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

// TestResumeAfterInterrupt: Ctrl-C saves the epochs in progress, and the resumed runs end with the
// numbers of uninterrupted runs.
func TestResumeAfterInterrupt(t *testing.T) {
	data, dir := smallData(t), t.TempDir()
	args := func(out string, more ...string) []string {
		return append(fields("--data", data, "--epochs 6 --batch 20 --seeds 2 --jobs 3",
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
		resumed := args("resumed", "--checkpoint", file, "--resume")
		code := run(ctx, dist.SingleProcess(), resumed, stdout, &stderr)
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
			line := fmt.Sprintf("%s, seed 1/2  epoch %d/6 ", solver, epoch)
			if n := strings.Count(printed, line); n != 1 {
				t.Errorf("%q %d times", line, n)
			}
		}
	}
}

// TestCheckpointRejected: a file with other settings is an error, and so is an existing file
// without --resume. The file does not change.
func TestCheckpointRejected(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "checkpoint")
	args := fields("--data", smallData(t), "--epochs 2 --batch 20 --solvers l4adam",
		"--out", filepath.Join(dir, "out"), "--checkpoint", file)
	if code, _, stderr := demo(t, args...); code != 0 {
		t.Fatal(stderr)
	}
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for more, want := range map[string]string{
		"":                                "the file exists: resume it with --resume",
		"--epochs 3 --resume":             "was saved with the settings",
		"--dtype float64 --resume":        "was saved with the settings",
		"--resume --data " + smallData(t): "was saved with the settings",
	} {
		code, _, stderr := demo(t, append(slices.Clone(args), more)...)
		if code != exitUsage || !strings.Contains(stderr, "--checkpoint: "+file) ||
			!strings.Contains(stderr, want) {
			t.Errorf("%s: exit code %d, %q, want %q", more, code, stderr, want)
		}
		if after, _ := os.ReadFile(file); !bytes.Equal(after, before) {
			t.Errorf("%s: the rejected file has changed", more)
		}
	}
	if code, _, stderr := demo(t, append(args, "--resume --seed 5")...); code != 0 {
		t.Errorf("another seed: %s", stderr)
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

// TestCheckpointInNewFolder: a checkpoint may be in the folder that --out creates.
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
