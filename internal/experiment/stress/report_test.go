package stress

import (
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/l4-go/l4/internal/experiment/compare"
)

// madeUp returns results of three tasks, two with accuracies, from two seeds. The tasks' titles are
// their names. Only the last weights of Adam are evaluated at these rates.
func madeUp(t *testing.T) ([]Task, compare.Choices, []Result) {
	register(t, compare.Solver{Name: "new", Title: "New"})
	tasks := []Task{newTask("a", "a", "k", 1, Accuracy, nil),
		newTask("b", "b", "k", 1, Accuracy, nil), newTask("e", "e", "k", 1, Error, nil)}
	solvers := compare.MustParseChoices("new,adam:1e-4,adam:3e-4")
	low, high := nameOf(solvers[1]), nameOf(solvers[2])
	nan := math.NaN()
	var results []Result
	add := func(task, solver string, untrained, metric1, metric2, average1, average2 float64) {
		for i, m := range [][2]float64{{metric1, average1}, {metric2, average2}} {
			r := Result{Task: task, Title: task, Solver: solver, Seed: uint64(501 + i),
				Untrained: untrained, Metric: m[0], Average: m[1]}
			if math.IsNaN(m[0]) {
				r.Ended = "loss NaN in step 3"
			}
			results = append(results, r)
		}
	}
	add("a", "new", 10, 82, 84, 85, 87)
	add("a", low, 10, 80, 82, nan, nan)
	add("a", high, 10, 85, 75, nan, nan)
	add("b", "new", 10, 90, nan, 91, nan)
	add("b", low, 10, 50, 30, nan, nan)
	add("b", high, 10, 90, 88, nan, nan)
	add("e", "new", 1, 0.1, 0.4, 0.05, 0.05)
	add("e", low, 1, 0.1, 0.1, nan, nan)
	add("e", high, 1, 0.2, 0.9, nan, nan)
	results = append(results, Result{Task: "a", Title: "as it was", Solver: "new", Metric: 1})
	return tasks, solvers, results
}

func TestReport(t *testing.T) {
	r := NewReport(madeUp(t))
	// a: best Adam 81. b: best Adam 89, the run that ended early counts as 10. e: best Adam 0.1;
	// means 0.2 and 0.05.
	want := [][]string{
		{"New", "1 of 6", "18.50 ± 19.50", "18.50", "1 of 2", "2", "0 of 1"},
		{"New, averaged", "1 of 6", "16.75 ± 19.75", "16.75", "1 of 2", "0.5", "1 of 1"},
		{"Adam 0.0001", "1 of 6", "24.50 ± 4.50", "24.50", "0 of 2", "1", "0 of 1"},
		{"Adam 0.0003", "1 of 6", "0.50 ± 3.00", "0.50", "0 of 2", "4.24", "0 of 1"},
	}
	for i, row := range r.Summary()[1:] {
		if !slices.Equal(row, want[i]) {
			t.Errorf("%q, want %q", row, want[i])
		}
	}
	table := [][]string{
		{"task", "kind", "New", "New, averaged", "Adam 0.0001", "Adam 0.0003"},
		{"a", "k", "83", "86", "81", "80"},
		{"b", "k", "50 (1 failed)", "50.5 (1 failed)", "40 (1 failed)", "89"},
		{"e", "k", "0.2", "0.05", "0.1", "0.4243 (1 failed)"},
	}
	for i, row := range r.Table() {
		if !slices.Equal(row, table[i]) {
			t.Errorf("%q, want %q", row, table[i])
		}
	}
}

// TestReportOfLittle: a report without results, or without results of Adam, does not panic.
func TestReportOfLittle(t *testing.T) {
	tasks, solvers, results := madeUp(t)
	for name, r := range map[string]*Report{
		"nothing": NewReport(tasks, solvers, nil),
		"no task": NewReport(nil, solvers, results),
		"no Adam": NewReport(tasks, solvers[:1], results),
		"one":     NewReport(tasks, solvers, results[:1]),
	} {
		t.Run(name, func(t *testing.T) {
			if err := r.Save(t.TempDir(), "stress", "Text."); err != nil != (name == "no task") {
				t.Error(err)
			}
			empty := []string{"0 of 0", "-", "-", "0 of 0", "-", "0 of 0"}
			for _, row := range r.Summary()[1:] {
				if name == "nothing" && !slices.Equal(row[1:], empty) {
					t.Errorf("%q", row)
				}
			}
		})
	}
}

func TestSave(t *testing.T) {
	dir := t.TempDir()
	if err := NewReport(madeUp(t)).Save(dir, "stress", "What this is."); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "stress.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"What this is.\n", "| New | 1 of 6 | 18.50 ± 19.50 |",
		"| a | k | 83 |", "Failed:"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in %s", want, text)
		}
	}
	f, err := os.Open(filepath.Join(dir, "stress.png"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := png.Decode(f); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"stress.svg", "stress-tasks.csv"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := NewReport(madeUp(t)).Draw(filepath.Join(dir, "x.gif")); err == nil {
		t.Error("no error for an unknown format")
	}
}

// TestSaveInPart: if one file cannot be written, the other files still are.
func TestSaveInPart(t *testing.T) {
	for _, occupied := range Files("", "stress") {
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, occupied), 0o755); err != nil {
			t.Fatal(err)
		}
		err := NewReport(madeUp(t)).Save(dir, "stress", "")
		if err == nil || !strings.Contains(err.Error(), occupied) {
			t.Errorf("%s is a folder: error %v", occupied, err)
		}
		for _, path := range Files(dir, "stress") {
			if _, err := os.ReadFile(path); (err == nil) != (filepath.Base(path) != occupied) {
				t.Errorf("%s is a folder: %s: %v", occupied, path, err)
			}
		}
	}
}
