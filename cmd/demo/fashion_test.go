package main

import (
	"path/filepath"
	"reflect"
	"testing"
)

// TestDemoFashion: a repeated run has the same numbers, with and without dropout.
func TestDemoFashion(t *testing.T) {
	data := noisyData(t, 28)
	train := func(jobs string) [][]string {
		t.Helper()
		out := t.TempDir()
		stdout := succeed(t, "fashion --epochs 2 --batch 50 --solvers l4adam --dropout 0,0.5",
			"--jobs", jobs, "--data", data, "--out", out)
		wantIn(t, stdout, "Fashion-MNIST, dropout 0.5")
		return numbers(t, filepath.Join(out, "fashion.csv"), 2*2)
	}
	first := train("1")
	if first[0][5] == first[2][5] {
		t.Errorf("loss %s with dropout and without", first[0][5])
	}
	if again := train("2"); !reflect.DeepEqual(again, first) {
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
		wantMistake(t, c.want, "fashion", c.args)
	}
}
