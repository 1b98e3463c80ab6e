package compare

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"

	"gonum.org/v1/gonum/stat"

	"github.com/l4-go/l4/internal/experiment/figure"
)

// Search is a search for the best constant learning rate of each solver that has one, on each task.
type Search struct {
	comparison *Comparison
	seeds      []uint64
	grids      []*grid
}

// grid is the search for the rate of one solver on one task. Its points are numbered. Point 0 is
// the rate that the search starts from.
type grid struct {
	task      Task
	start     Choice
	low, high int // the lowest and the highest point so far
}

// gridReach limits the points to the range from -gridReach to gridReach, a factor of 1000 each way.
const gridReach = 6

// SearchRates finds the best rate of each solver with a constant rate on each task, and replaces
// the given rate by it. It makes runs with the first seeds of the comparison, at most as many as
// seeds.
func SearchRates(ctx context.Context, c *Comparison, seeds int) (*Search, error) {
	s := &Search{comparison: c, seeds: c.Seeds[:min(seeds, len(c.Seeds))]}
	for _, t := range c.Tasks {
		for _, solver := range t.Solvers {
			if solver.Constant() {
				s.grids = append(s.grids, &grid{t, solver, -1, 1})
			}
		}
	}
	for searching := true; searching; {
		var runs []Run
		for _, g := range s.grids {
			for point := g.low; point <= g.high; point++ {
				for _, seed := range s.seeds {
					runs = append(runs, Run{g.task.Name, g.at(point), seed})
				}
			}
		}
		if err := c.makeRuns(ctx, runs); err != nil {
			return nil, err
		}
		searching = false
		for _, g := range s.grids {
			searching = g.extend(s.best(g)) || searching
		}
	}
	for i, t := range c.Tasks {
		c.Tasks[i].Solvers = slices.Clone(t.Solvers)
		for _, g := range s.grids {
			if g.task.Name == t.Name {
				c.Tasks[i].Solvers[slices.Index(t.Solvers, g.start)] = g.at(s.best(g))
			}
		}
	}
	return s, nil
}

// at returns the solver with the rate of a point, rounded to two digits. The rate of the next point
// is √10 times as large.
func (g *grid) at(point int) Choice {
	c := g.start
	if point != 0 {
		text := strconv.FormatFloat(c.Number*math.Pow(10, float64(point)/2), 'g', 2, 64)
		c.Number, _ = strconv.ParseFloat(text, 64)
	}
	return c
}

// extend adds a point below or above if the best point is the lowest or the highest. It reports
// whether it added a point.
func (g *grid) extend(best int) bool {
	switch {
	case best == g.low && g.low > -gridReach:
		g.low--
	case best == g.high && g.high < gridReach:
		g.high++
	default:
		return false
	}
	return true
}

// best returns the point with the smallest loss, or the point low if all runs diverge.
func (s *Search) best(g *grid) int {
	best := g.low
	for point := g.low + 1; point <= g.high; point++ {
		if s.loss(g, point) < s.loss(g, best) {
			best = point
		}
	}
	return best
}

// loss returns the loss of a point: the mean training loss of the last epoch, as a geometric mean
// over the seeds. The loss is infinite if a run diverges.
func (s *Search) loss(g *grid, point int) float64 {
	var losses []float64
	for _, seed := range s.seeds {
		r := s.comparison.results[Run{g.task.Name, g.at(point), seed}]
		if len(r.Epochs) < g.task.Epochs {
			return math.Inf(1)
		}
		losses = append(losses, r.Epochs[g.task.Epochs-1].Loss)
	}
	return stat.GeometricMean(losses, nil)
}

// Report returns a table of all rates of the search for each task.
func (s *Search) Report() string {
	tasks := s.comparison.Tasks
	text := fmt.Sprintf("Search for the best learning rates: "+
		"mean training loss of epoch %d, geometric mean over %d seeds\n\n", tasks[0].Epochs,
		len(s.seeds))
	for _, t := range tasks {
		rows := [][]string{{"solver", "loss", ""}}
		for _, g := range s.grids {
			if g.task.Name != t.Name {
				continue
			}
			best := s.best(g)
			for point := g.low; point <= g.high; point++ {
				row := []string{g.at(point).String(), "diverged", ""}
				if loss := s.loss(g, point); !math.IsInf(loss, 1) {
					row[1] = fmt.Sprintf("%.3g", loss)
				}
				if point == best {
					row[2] = "<- best"
				}
				rows = append(rows, row)
			}
		}
		text += t.Title + "\n" + figure.Table(rows) + "\n"
	}
	return text
}
