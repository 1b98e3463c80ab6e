package main

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"

	"gonum.org/v1/gonum/stat"

	"github.com/l4-go/l4/internal/experiment/figure"
)

// grid is the search for the best constant rate of a solver on a variant. Its points are numbered;
// the rate that it starts at is point 0.
type grid struct {
	variant   variant
	start     solverSpec
	low, high int // points looked at
}

// gridReach is how far from its start a grid goes: a factor of 1000.
const gridReach = 6

// search finds the best rate of each solver with a constant one on each variant, and puts it in the
// place of the given rate.
func (j *job) search(ctx context.Context) error {
	for _, v := range j.variants {
		for _, spec := range v.solvers {
			if spec.constant() {
				j.grids = append(j.grids, &grid{v, spec, -1, 1})
			}
		}
	}
	for searching := true; searching; {
		var ids []runID
		for _, g := range j.grids {
			for point := g.low; point <= g.high; point++ {
				for restart := range j.gridStarts() {
					ids = append(ids, runID{g.variant.name, g.at(point), j.seed + uint64(restart)})
				}
			}
		}
		if err := j.makeRuns(ctx, ids); err != nil {
			return err
		}
		searching = false
		for _, g := range j.grids {
			searching = g.extend(j.best(g)) || searching
		}
	}
	j.searched = true
	for i, v := range j.variants {
		j.variants[i].solvers = slices.Clone(v.solvers)
		for _, g := range j.grids {
			if g.variant.name == v.name {
				j.variants[i].solvers[slices.Index(v.solvers, g.start)] = g.at(j.best(g))
			}
		}
	}
	return nil
}

// gridStarts is the number of starts that a search makes.
func (j *job) gridStarts() int { return min(j.restarts, j.experiment.gridStarts) }

// at returns the solver with the rate of a point, rounded to two digits. Points are half a decade
// apart.
func (g *grid) at(point int) solverSpec {
	s := g.start
	if point != 0 {
		text := strconv.FormatFloat(s.Value*math.Pow(10, float64(point)/2), 'g', 2, 64)
		s.Value, _ = strconv.ParseFloat(text, 64)
	}
	return s
}

// extend adds a point beyond the edge if the best point lies on it. It reports whether it did.
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

// best returns the point with the smallest loss, the smallest rate if all diverge.
func (j *job) best(g *grid) int {
	best := g.low
	for point := g.low + 1; point <= g.high; point++ {
		if j.gridLoss(g, point) < j.gridLoss(g, best) {
			best = point
		}
	}
	return best
}

// gridLoss returns what a point is judged by: the mean training loss of the last epoch, as a
// geometric mean over the starts. It is infinite if any of them diverges.
func (j *job) gridLoss(g *grid, point int) float64 {
	var losses []float64
	for restart := range j.gridStarts() {
		r := j.results[runID{g.variant.name, g.at(point), j.seed + uint64(restart)}]
		if len(r.Records) < g.variant.epochs {
			return math.Inf(1)
		}
		losses = append(losses, r.Records[g.variant.epochs-1].Loss)
	}
	return stat.GeometricMean(losses, nil)
}

// gridReport returns the tables of what the search found.
func (j *job) gridReport() string {
	if !j.searched {
		return ""
	}
	text := fmt.Sprintf("Search for the best rates: "+
		"mean training loss of epoch %d, geometric mean of %d starts\n\n", j.epochs, j.gridStarts())
	for _, v := range j.variants {
		rows := [][]string{{"solver", "loss", ""}}
		for _, g := range j.grids {
			if g.variant.name != v.name {
				continue
			}
			best := j.best(g)
			for point := g.low; point <= g.high; point++ {
				row := []string{g.at(point).String(), "diverged", ""}
				if loss := j.gridLoss(g, point); !math.IsInf(loss, 1) {
					row[1] = fmt.Sprintf("%.3g", loss)
				}
				if point == best {
					row[2] = "<- best"
				}
				rows = append(rows, row)
			}
		}
		text += v.title + "\n" + figure.Table(rows) + "\n"
	}
	return text
}
