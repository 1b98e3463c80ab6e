package compare

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"gorgonia.org/gorgonia"
)

// bowl is a training of one weight with the loss c·w². Gradient descent with the rate 1/(2c)
// reaches the minimum in one step.
type bowl struct {
	*slope
	c float64
}

func (b bowl) Run(step int) (gorgonia.Valuer, []gorgonia.ValueGrad, error) {
	b.slope.slope = 2 * b.c * b.w[0]
	_, model, err := b.slope.Run(step)
	return valuer{gorgonia.NewF64(b.c * b.w[0] * b.w[0])}, model, err
}

// bowls returns a comparison with known best rates.
func bowls(t *testing.T, solvers string) *Comparison {
	c, _ := regressions(t, solvers, "")
	for i, curvature := range []float64{1, 10} {
		c.Tasks[i].Name = fmt.Sprint("curvature ", curvature)
		c.Tasks[i].Title = c.Tasks[i].Name
		c.Tasks[i].Epochs, c.Tasks[i].EpochSteps = 3, 1
		c.Tasks[i].Start = func(seed uint64) (Training, error) {
			b := bowl{newSlope(0), curvature}
			b.w[0] = float64(seed)
			return b, nil
		}
	}
	return c
}

// TestSearchRates: the search finds the best rates from below, and from above, where all rates of
// the first grid are too large. It does not change the other solvers.
func TestSearchRates(t *testing.T) {
	for _, start := range []string{"5e-3", "0.5", "50"} {
		c := bowls(t, "l4mom,sgd:"+start)
		before := c.Tasks[0].Solvers
		search, err := SearchRates(t.Context(), c, 1)
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range []string{"l4mom,sgd:0.5", "l4mom,sgd:0.05"} {
			if got := c.Tasks[i].Solvers.String(); got != want {
				t.Errorf("from %s: %s on %s, want %s", start, got, c.Tasks[i].Name, want)
			}
		}
		if got := before.String(); got != MustParseChoices("l4mom,sgd:"+start).String() {
			t.Errorf("from %s: the list of solvers is now %s", start, got)
		}
		report := search.Report()
		if n := strings.Count(report, "<- best"); n != 2 || strings.Contains(report, "NaN") {
			t.Errorf("from %s: the report is\n%s", start, report)
		}
		for _, r := range c.runs {
			if r.Seed != 1 || r.Solver.Name != "sgd" {
				t.Errorf("from %s: the search has made the run %v", start, r)
			}
		}
	}
}

// TestSearchEnds: the search ends at rates a factor of 1000 from the given rate, and at the first
// error of a run.
func TestSearchEnds(t *testing.T) {
	c := bowls(t, "sgd:1e-9")
	search, err := SearchRates(t.Context(), c, 2)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Tasks[0].Solvers[0].Number; math.Abs(got-1e-6) > 1e-9 {
		t.Errorf("the best rate is %v of\n%s", got, search.Report())
	}
	register(t, Solver{Name: "broken", Number: Rate, Default: 1, New: newBroken})
	c = bowls(t, "broken")
	c.Tasks[0].EpochSteps = 12
	if _, err := SearchRates(t.Context(), c, 1); err == nil {
		t.Error("the error of a run is lost")
	}
}
