package main

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// TestDemoFashion: a repeated run has the same numbers, with and without dropout.
func TestDemoFashion(t *testing.T) {
	data := noisyData(t, 28)
	train := func(out string, args ...string) [][]string {
		t.Helper()
		code, stdout, stderr := demo(t, "fashion --batch 50 --solvers l4adam --dropout 0,0.5",
			"--data", data, "--out", out, strings.Join(args, " "))
		if code != 0 {
			t.Fatalf("exit code %d: %s", code, stderr)
		}
		if !strings.Contains(stdout, "Fashion-MNIST, dropout 0.5") {
			t.Errorf("no dropout in the output:\n%s", stdout)
		}
		return numbers(t, filepath.Join(out, "fashion.csv"))
	}
	first := train(t.TempDir(), "--epochs 2")
	if len(first) != 1+2*2 {
		t.Errorf("%d rows in the CSV", len(first))
	}
	if first[1][5] == first[3][5] {
		t.Errorf("loss %s with dropout and without", first[1][5])
	}
	if again := train(t.TempDir(), "--epochs 2 --jobs 2"); !reflect.DeepEqual(again, first) {
		t.Errorf("%v in the second run, %v in the first", again, first)
	}
}

func TestDemoFashionRejects(t *testing.T) {
	small, large := smallData(t), noisyData(t, 28)
	for _, c := range []struct{ args, want string }{
		{"--data " + small, "28 by 28"},
		{"--dropout 1 --data " + large, "--dropout 1"},
		{"--dropout -0.5 --data " + large, "--dropout -0.5"},
		{"--batch 201 --data " + large, "--batch 201"},
		{"--data " + t.TempDir(), "train-images"},
	} {
		code, _, stderr := demo(t, "fashion --out", t.TempDir(), c.args)
		if code == 0 || !strings.Contains(stderr, c.want) {
			t.Errorf("%s: exit code %d, %q, want %q in it", c.args, code, stderr, c.want)
		}
	}
}
