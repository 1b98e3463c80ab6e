package main

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// TestPrograms: there is a table, and a row of the CSV for each run. The rows do not depend on
// --jobs.
func TestPrograms(t *testing.T) {
	var first [][]string
	for _, jobs := range []string{"1", "3"} {
		out := filepath.Join(t.TempDir(), "new", "folder")
		stdout := succeed(t, "programs --short --seeds 2 --seed 5 --out", out,
			"--tasks xor,char-rnn-s --solvers author,l4adam --jobs", jobs)
		wantIn(t, stdout, "2/2", "(xor)", "author's, SGD 1", "L4Adam is level or")
		rows := numbers(t, filepath.Join(out, "programs.csv"), 2*2*2)
		if first == nil {
			first = rows
		}
		if !reflect.DeepEqual(rows, first) {
			t.Errorf("%v with --jobs %s, %v with 1", rows, jobs, first)
		}
		for row, want := range map[int]string{0: "xor SGD 1 5", 7: "char-rnn-sum L4Adam 6"} {
			if got := strings.Join(rows[row][:3], " "); got != want {
				t.Errorf("row %d is of %s, want %s", row, got, want)
			}
		}
	}
}

func TestProgramsMistakes(t *testing.T) {
	for args, want := range map[string]string{
		"--tasks xor,nothing":  `--tasks: unknown task "nothing": choose from outliers,`,
		"--solvers x":          `unknown solver "x": choose from author, l4adam, l4mom,`,
		"--seeds 0":            `"0": want an integer`,
		"--jobs many":          "many",
		"--tasks xor --epochs": "unknown flag: --epochs",
	} {
		wantMistake(t, want, "programs", args)
	}
}
