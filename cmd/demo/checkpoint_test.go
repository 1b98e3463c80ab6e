package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

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
	wantSameNumbers(t, filepath.Join(killed, "mnist.csv"),
		filepath.Join(undisturbed, "mnist.csv"), 3*2*20)

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
	dir := t.TempDir()
	straight, resumed := filepath.Join(dir, "straight"), filepath.Join(dir, "resumed")
	args := "--epochs 6 --batch 20 --seeds 2 --jobs 3 --solvers l4adam,momentum,l4mom --data " +
		smallData(t)
	succeed(t, args, "--out", straight)
	printed := strings.Join(interruptAndResume(t, 1, args, "--out", resumed), "")
	wantSameNumbers(t, filepath.Join(resumed, "mnist.csv"), filepath.Join(straight, "mnist.csv"),
		3*2*6)
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
	args := "--epochs 2 --batch 20 --solvers l4adam --data " + smallData(t) + " --out " +
		filepath.Join(dir, "out") + " --checkpoint " + file
	succeed(t, args)
	before := readFile(t, file)
	for more, want := range map[string]string{
		"":                                "the file exists: resume it with --resume",
		"--epochs 3 --resume":             "the checkpoint was saved with",
		"--dtype float64 --resume":        "the checkpoint was saved with",
		"--full --resume":                 "the checkpoint was saved with",
		"--resume --data " + smallData(t): "the checkpoint was saved with",
	} {
		wantMistake(t, "--checkpoint: "+file+": "+want, args, more)
		if !bytes.Equal(readFile(t, file), before) {
			t.Errorf("%s: the rejected file has changed", more)
		}
	}
	succeed(t, args, "--resume --seed 5")
}

// TestCheckpointInNewFolder: a checkpoint may be in the folder that --out creates, and no lock is
// left there.
func TestCheckpointInNewFolder(t *testing.T) {
	out := filepath.Join(t.TempDir(), "new", "folder")
	succeed(t, "--data", smallData(t), "--epochs 1 --batch 20 --out", out, "--checkpoint",
		filepath.Join(out, "checkpoint"))
	want := []string{"checkpoint", "mnist.csv", "mnist.png", "mnist.svg"}
	if got := filesOf(t, out); !slices.Equal(got, want) {
		t.Errorf("the folder has %v, want %v", got, want)
	}
}
