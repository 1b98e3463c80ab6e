package programs

import (
	"encoding/csv"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestBetter(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		higher bool
		a, b   float64
		want   bool
	}{
		{true, 2, 1, true}, {true, 1, 2, false}, {true, 1, 1, false},
		{false, 1, 2, true}, {false, 2, 1, false}, {false, 1, math.Inf(1), true},
		{true, 1, nan, true}, {true, nan, 1, false}, {true, nan, nan, false}, {false, 1, nan, true},
	} {
		if got := (Metric{Higher: c.higher}).Better(c.a, c.b); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

// results returns the results of two programs with the given metrics, one for each seed. In the
// program up a higher metric is better, and in the program down a lower metric.
func results(metrics map[string]map[string][]float64) []Result {
	var all []Result
	for _, p := range []Program{
		{Name: "up", Title: "Up", Author: Author{Title: "SGD 1"},
			Metric: Metric{Name: "accuracy", Higher: true, Good: 5}},
		{Name: "down", Title: "Down", Author: Author{Title: "SGD 2"},
			Metric: Metric{Name: "error", Good: 5}},
	} {
		for _, s := range DefaultSolvers {
			for i, m := range metrics[p.Name][s.Name] {
				all = append(all, Result{Program: p, Solver: s, Seed: uint64(i) + 1,
					Metric: m, Steps: 10, Time: time.Second})
			}
		}
	}
	return all
}

func TestSummarise(t *testing.T) {
	nan := math.NaN()
	all := Summarise(results(map[string]map[string][]float64{
		"up": {"author": {4, 6, 8}, "l4adam": {8, 9, 10},
			"l4mom": {4, 5, 6}, "gorgonia-adam": {1, 2, 10}},
		"down": {"author": {4, 6, 8}, "l4adam": {8, 9, 10},
			"l4mom": {8, 8, 8}, "gorgonia-adam": {1, 2, nan}},
	}))
	want := []struct {
		standing    Standing
		successes   int
		worst, best float64
	}{
		{"", 2, 4, 8}, {Better, 3, 8, 10}, {Level, 2, 4, 6}, {Level, 1, 1, 10},
		{"", 1, 8, 4}, {Worse, 0, 10, 8}, {Level, 0, 8, 8}, {Worse, 2, nan, 1},
	}
	if len(all) != len(want) {
		t.Fatalf("%d summaries, want %d", len(all), len(want))
	}
	for i, s := range all {
		w := want[i]
		same := s.Worst == w.worst || math.IsNaN(s.Worst) && math.IsNaN(w.worst)
		if !same || s.Best != w.best || s.Runs != 3 ||
			s.Standing != w.standing || s.Successes != w.successes {
			t.Errorf("%s, %s: %+v, want %+v", s.Program.Name, s.Solver, s, w)
		}
	}

	single := Summarise(results(map[string]map[string][]float64{
		"up": {"author": {4}, "l4adam": {1}},
	}))
	if len(single) != 2 || single[1].Standing != "" {
		t.Errorf("one seed: %+v", single)
	}

	text := Table(all)
	for _, line := range []string{
		"Up (up): accuracy, higher is better, success from 5",
		"  author's, SGD 2",
		"L4Adam is level or better in 1 of 2 programs",
		"3 of 6 runs succeed.\n  Worse in down.\n",
		"L4Mom is level or better in 2 of 2 programs",
		"2 of 6 runs succeed.\nGorgonia's Adam",
	} {
		if !strings.Contains(text, line) {
			t.Errorf("%q is not in the text:\n%s", line, text)
		}
	}
}

func TestWriteCSV(t *testing.T) {
	all := results(map[string]map[string][]float64{"up": {"author": {4}, "l4adam": {7}}})
	all[1].Rejected, all[1].Rejection = 3, errors.New(`step 2: "no", said L4`)
	all = append(all, Result{Program: all[0].Program, Solver: DefaultSolvers[3], Seed: 1,
		Metric: math.NaN(), Err: errors.New("broken")})
	path := filepath.Join(t.TempDir(), "programs.csv")
	if err := WriteCSV(path, all); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"program solver seed metric value success steps rejected first rejection error seconds",
		"up SGD 1 1 accuracy 4 false 10 0   1.00",
		`up L4Adam 1 accuracy 7 true 10 3 step 2: "no", said L4  1.00`,
		"up Gorgonia's Adam 0.001 1 accuracy  false 0 0  broken 0.00",
	}
	for i, row := range rows {
		if got := strings.Join(row, " "); i >= len(want) || got != want[i] {
			t.Errorf("row %d: %q", i, got)
		}
	}
	if len(rows) != len(want) {
		t.Errorf("%d rows, want %d", len(rows), len(want))
	}
}
