package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/l4-go/l4/dist"
)

// rank has the output and the exit code of a rank.
type rank struct {
	code           int
	stdout, stderr string
}

// onRanks runs the program on several ranks, each with its own context. If stdout is not nil,
// rank 0 prints to it.
func onRanks(t *testing.T, ctxs []context.Context, stdout *cancelAt, args ...string) []rank {
	t.Helper()
	ranks := make([]rank, len(ctxs))
	var running sync.WaitGroup
	for r, e := range dist.Local(len(ctxs)) {
		running.Add(1)
		go func() {
			defer running.Done()
			world, err := dist.New(e)
			if err != nil {
				t.Error(err)
				return
			}
			world.Timeout = time.Minute
			out, stderr := new(cancelAt), new(bytes.Buffer)
			if r == 0 && stdout != nil {
				out = stdout
			}
			ranks[r].code = run(ctxs[r], world, fields(args...), out, stderr)
			ranks[r].stdout, ranks[r].stderr = out.String(), stderr.String()
			if err := world.Finalize(); err != nil {
				t.Errorf("rank %d: %v", r, err)
			}
		}()
	}
	running.Wait()
	return ranks
}

func background(n int) []context.Context {
	var ctxs []context.Context
	for range n {
		ctxs = append(ctxs, context.Background())
	}
	return ctxs
}

// TestRanks: rank 0 prints and writes, an interrupt of the other rank ends both in the same step,
// and a resumed run ends with the numbers of an undisturbed run.
func TestRanks(t *testing.T) {
	data, dir := smallData(t), t.TempDir()
	args := fields("--data", data, "--epochs 6 --batch 20 --solvers l4adam,l4mom,momentum")
	straight, resumed := filepath.Join(dir, "straight"), filepath.Join(dir, "resumed")
	ranks := onRanks(t, background(2), nil, append(args, "--out", straight)...)
	for r, k := range ranks {
		if k.code != 0 || k.stderr != "" || (k.stdout != "") != (r == 0) {
			t.Fatalf("rank %d: exit code %d: %s%s", r, k.code, k.stdout, k.stderr)
		}
	}
	if rows := numbers(t, filepath.Join(straight, "mnist.csv")); len(rows) != 1+3*6 {
		t.Errorf("%d rows", len(rows))
	}

	args = append(args, "--resume --out", resumed, "--checkpoint", filepath.Join(dir, "checkpoint"))
	interrupts := 0
	for after := 2; ; after += 3 {
		ctx, cancel := context.WithCancel(context.Background())
		ctxs := []context.Context{context.Background(), ctx} // the signal reaches rank 1 only
		ranks := onRanks(t, ctxs, &cancelAt{after: after, cancel: cancel}, args...)
		cancel()
		if ranks[0].code != ranks[1].code {
			t.Fatalf("exit codes %d and %d: %s%s", ranks[0].code, ranks[1].code,
				ranks[0].stderr, ranks[1].stderr)
		}
		if ranks[0].code == 0 {
			break
		}
		if ranks[0].code != exitInterrupted {
			t.Fatal(ranks[0].stderr, ranks[1].stderr)
		}
		interrupts++
	}
	if interrupts == 0 {
		t.Error("nothing was interrupted")
	}
	wantSameNumbers(t, "mnist", resumed, straight)
}

// TestRanksRejected: a command that cannot run on several ranks is an error, and so is a checkpoint
// of another number of ranks. Only rank 0 reports the error.
func TestRanksRejected(t *testing.T) {
	data, dir := smallData(t), t.TempDir()
	file := filepath.Join(dir, "checkpoint")
	trained := "mnist --epochs 1 --batch 20 --solvers l4adam --data " + data + " --out " + dir +
		" --checkpoint " + file
	if code, _, stderr := demo(t, trained); code != 0 {
		t.Fatal(stderr)
	}
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]string{
		"regression --epochs 1 --out " + dir: "no batches to share",
		"stress":                             "runs in one process",
		"programs":                           "runs in one process",
		"mnist --batch 150 --data " + data + " --out " + dir:           "one for each of 2 ranks",
		trained + " --resume":                                          "saved with the settings",
		"mnist --solvers x":                                            `unknown solver "x"`,
		"mnist --data " + filepath.Join(dir, "none") + " --out " + dir: "none",
	} {
		ranks := onRanks(t, background(2), nil, args)
		for r, k := range ranks {
			said := strings.Contains(k.stderr, want)
			if k.code != exitUsage || said != (r == 0) || k.stdout != "" {
				t.Errorf("%s: rank %d: exit code %d: %s%s", args, r, k.code, k.stdout, k.stderr)
			}
		}
	}
	if after, _ := os.ReadFile(file); !bytes.Equal(after, before) {
		t.Error("the rejected checkpoint has changed")
	}
}
