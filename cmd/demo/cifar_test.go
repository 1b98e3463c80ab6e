package main

import (
	"bytes"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// smallCIFAR writes a few images of noise, whose brightness shows the class.
func smallCIFAR(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	r := rand.New(rand.NewPCG(1, 2))
	for name, n := range map[string]int{"data_batch_1.bin": 24, "test_batch.bin": 6} {
		var b bytes.Buffer
		for range n {
			label := r.IntN(10)
			b.WriteByte(byte(label))
			for range 3 * 32 * 32 {
				b.WriteByte(byte(20*label + r.IntN(50)))
			}
		}
		writeFile(t, filepath.Join(dir, name), b.Bytes())
	}
	return dir
}

// TestDemoCIFAR: runs at the same time have the same numbers as runs one after the other, and the
// learning rate of the schedule falls.
func TestDemoCIFAR(t *testing.T) {
	data := smallCIFAR(t)
	train := func(args string) [][]string {
		t.Helper()
		out := t.TempDir()
		code, stdout, stderr := demo(t, "cifar --epochs 2 --batch 8 --solvers l4mom,momentum-drops",
			args, "--data", data, "--out", out)
		if code != 0 {
			t.Fatalf("exit code %d: %s", code, stderr)
		}
		if !strings.Contains(stdout, "ResNet-8, 24 images") {
			t.Errorf("no title in the output:\n%s", stdout)
		}
		return numbers(t, filepath.Join(out, "cifar.csv"))
	}
	first := train("--jobs 1")
	if len(first) != 1+2*2 || !strings.HasPrefix(first[3][7], "0.1000") ||
		!strings.HasPrefix(first[4][7], "0.00") {
		t.Errorf("the CSV has %v", first)
	}
	if again := train("--jobs 2"); !reflect.DeepEqual(again, first) {
		t.Errorf("%v side by side, %v one after the other", again, first)
	}
}

func TestDemoCIFARRejects(t *testing.T) {
	data := smallCIFAR(t)
	for _, c := range []struct{ args, want string }{
		{"--depth 9 --data /nowhere", `"9": want 6·n + 2 layers, from 8 to 1202`},
		{"--depth 2 --data /nowhere", `"2": want`},
		{"--batch 25 --data " + data, "--batch 25: want at most 24"},
		{"--data " + t.TempDir(), "data_batch_1.bin"},
	} {
		code, _, stderr := demo(t, "cifar --out", t.TempDir(), c.args)
		if code == 0 || !strings.Contains(stderr, c.want) {
			t.Errorf("%s: exit code %d, %q, want %q in it", c.args, code, stderr, c.want)
		}
	}
}
