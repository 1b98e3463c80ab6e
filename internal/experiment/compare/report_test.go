package compare

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

// reported returns a comparison with made-up results. One run of the second solver ended early. The
// third solver does not have results.
func reported(t *testing.T, jobs int) *Comparison {
	solvers := MustParseChoices("adam,l4adam,dog")
	c := &Comparison{
		Tasks:   []Task{{Name: "a", Title: "A", Epochs: 2, EpochSteps: 10, Solvers: solvers}},
		Seeds:   []uint64{1, 2},
		Jobs:    jobs,
		results: map[Run]Result{},
	}
	epoch := func(number int, loss, metric float64) Epoch {
		return Epoch{Number: number, Loss: loss, LastLoss: loss / 2, LearnRate: 0.1, Metric: metric,
			Time: 3 * time.Second, StepTime: time.Second}
	}
	for _, r := range []Result{
		{Run: Run{"a", solvers[0], 1}, Epochs: []Epoch{epoch(1, 1, 0.5), epoch(2, 0.25, 0.75)}},
		{Run: Run{"a", solvers[0], 2}, Epochs: []Epoch{epoch(1, 4, 0.7), epoch(2, 0.75, 0.85)}},
		{Run: Run{"a", solvers[1], 1}, Epochs: []Epoch{epoch(1, 2, math.NaN())}, Ended: "loss NaN"},
	} {
		c.runs = append(c.runs, r.Run)
		c.results[r.Run] = r
	}
	return c
}

func TestSummary(t *testing.T) {
	for jobs, want := range map[int][][]string{
		1: {
			{"solver", "epochs", "training loss", "test accuracy", "seconds", "time in Step"},
			{"Adam 0.001", "2", "0.5 ± 0.354", "80.00 ± 7.07 %", "6.0", "33.3 %"},
			{"L4Adam 0.15 (1 of 1 ended early)", "1", "2", "-", "3.0", "33.3 %"},
			{"DoG", "0", "-", "-", "-", "-"},
		},
		2: {
			{"solver", "epochs", "training loss", "test accuracy"},
			{"Adam 0.001", "2", "0.5 ± 0.354", "80.00 ± 7.07 %"},
			{"L4Adam 0.15 (1 of 1 ended early)", "1", "2", "-"},
			{"DoG", "0", "-", "-"},
		},
	} {
		c := reported(t, jobs)
		for i, row := range c.summary(c.Tasks[0]) {
			if !slices.Equal(row, want[i]) {
				t.Errorf("%d jobs: %q, want %q", jobs, row, want[i])
			}
		}
		if text := c.Summary(c.Tasks...); !strings.HasPrefix(text, "A\nsolver ") {
			t.Errorf("%d jobs: %s", jobs, text)
		}
	}
}

// TestBeside: the table has a pair of columns for each point up to the last epoch, computed from
// the runs that reached the point.
func TestBeside(t *testing.T) {
	c := reported(t, 1)
	cells := func(_ Task, s Choice, point int, epochs []Epoch) (ours, theirs string) {
		return Spread(MeanLosses.Each(epochs), "%.3g", ""), s.Name
	}
	for unit, points := range map[Unit][]int{Epochs: {1, 2, 3}, Steps: {10, 20, 30}} {
		text := c.Beside(c.Tasks[0], unit, "other", points, cells)
		var got []string
		for line := range strings.Lines(text) {
			got = append(got, strings.Join(strings.Fields(line), " "))
		}
		heading := "solver epoch 1 other epoch 2 other"
		if unit == Steps {
			heading = "solver step 10 other step 20 other"
		}
		want := []string{heading, "Adam 0.001 2.5 ± 2.12 adam 0.5 ± 0.354 adam",
			"L4Adam 0.15 (1 of 1 ended early) 2 l4adam - l4adam", "DoG - dog - dog"}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", unit, got, want)
		}
	}
}

// TestPanels: each measure has a panel, with a band and the mean of the runs that reached an epoch.
func TestPanels(t *testing.T) {
	c := reported(t, 1)
	rows := c.Panels(Steps, MeanLosses, Accuracies)
	if len(rows) != 1 || len(rows[0]) != 2 {
		t.Fatalf("%v", rows)
	}
	losses, accuracies := rows[0][0], rows[0][1]
	if losses.Title != "A" || losses.X != "step" || losses.Y != "training loss" || losses.Linear ||
		!accuracies.Linear || len(losses.Curves) != 3 {
		t.Errorf("%+v", losses)
	}
	adam := losses.Curves[0]
	if adam.Name != "Adam 0.001" || !slices.Equal(adam.X, []float64{10, 20}) ||
		math.Abs(adam.Y[0]-2) > 1e-12 || !slices.Equal(adam.Low, []float64{1, 0.25}) ||
		!slices.Equal(adam.Up, []float64{4, 0.75}) {
		t.Errorf("%+v", adam)
	}
	if y := accuracies.Curves[0].Y; math.Abs(y[0]-0.6) > 1e-12 {
		t.Errorf("mean accuracy %v", y)
	}
	if x := losses.Curves[1].X; !slices.Equal(x, []float64{10}) || losses.Curves[2].X != nil {
		t.Errorf("%v, %v", x, losses.Curves[2].X)
	}
	c.Seeds = c.Seeds[:1]
	if band := c.Panels(Epochs, MeanLosses)[0][0].Curves[0].Low; band != nil {
		t.Errorf("a band of one seed: %v", band)
	}
}
