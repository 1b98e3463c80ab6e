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
	train := func(jobs string) [][]string {
		t.Helper()
		out := t.TempDir()
		stdout := succeed(t, "cifar --epochs 2 --batch 8 --solvers l4mom,momentum-drops --jobs",
			jobs, "--data", data, "--out", out)
		wantIn(t, stdout, "ResNet-8, 24 images")
		return numbers(t, filepath.Join(out, "cifar.csv"), 2*2)
	}
	first := train("1")
	if !strings.HasPrefix(first[2][7], "0.1000") || !strings.HasPrefix(first[3][7], "0.00") {
		t.Errorf("the CSV has %v", first)
	}
	if again := train("2"); !reflect.DeepEqual(again, first) {
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
		wantMistake(t, c.want, "cifar", c.args)
	}
}
