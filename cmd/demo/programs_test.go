package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestPrograms: there is a table, and a row of the CSV for each run. The rows do not depend on
// --jobs.
func TestPrograms(t *testing.T) {
	var first [][]string
	for _, jobs := range []string{"1", "3"} {
		out := filepath.Join(t.TempDir(), "new", "folder")
		code, stdout, stderr := demo(t, "programs --short --seeds 2 --seed 5 --out", out,
			"--tasks xor,char-rnn-s --solvers author,l4adam --jobs", jobs)
		if code != 0 || stderr != "" {
			t.Fatalf("exit code %d: %s", code, stderr)
		}
		for _, want := range []string{"2/2", "(xor)", "author's, SGD 1", "L4Adam is level or"} {
			if !strings.Contains(stdout, want) {
				t.Errorf("%q is not in the output:\n%s", want, stdout)
			}
		}
		rows := numbers(t, filepath.Join(out, "programs.csv"))
		if want := 1 + 2*2*2; len(rows) != want {
			t.Fatalf("%d rows in the CSV, want %d", len(rows), want)
		}
		if first == nil {
			first = rows
		}
		for i := range rows {
			if got, want := strings.Join(rows[i], ","), strings.Join(first[i], ","); got != want {
				t.Errorf("row %d is %s with --jobs %s, %s with 1", i, got, jobs, want)
			}
		}
		for row, want := range map[int]string{1: "xor SGD 1 5", 8: "char-rnn-sum L4Adam 6"} {
			if got := strings.Join(rows[row][:3], " "); got != want {
				t.Errorf("row %d is of %s, want %s", row, got, want)
			}
		}
	}
}

// TestProgramsMistakes: a mistake is reported in one line with exit code 2, and no file is written.
func TestProgramsMistakes(t *testing.T) {
	for args, want := range map[string]string{
		"--tasks xor,nothing":  `--tasks: unknown task "nothing": choose from outliers,`,
		"--solvers x":          `unknown solver "x": choose from author, l4adam, l4mom,`,
		"--seeds 0":            `"0": want an integer`,
		"--jobs many":          "many",
		"--tasks xor --epochs": "unknown flag: --epochs",
	} {
		out := filepath.Join(t.TempDir(), "out")
		code, stdout, stderr := demo(t, "programs --out", out, args)
		oneLine := strings.Count(stderr, "\n") == 1
		if code != exitUsage || !oneLine || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit code %d, error %q, want %q", args, code, stderr, want)
		}
		if files, _ := filepath.Glob(out); stdout != "" || files != nil {
			t.Errorf("%s: output %q, files %v", args, stdout, files)
		}
	}
}
