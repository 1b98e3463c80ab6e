// Package programs is a suite of small programs, written as Gorgonia's users write them: with
// Gorgonia's own operations and with typical mistakes. Each program can train with any solver, so
// the suite tests a solver on typical uses of Gorgonia instead of benchmarks. For the same reason
// each program has its own training loop, and deliberately ignores the errors that Step returns.
package programs

import (
	"math"
	"math/rand/v2"

	"gorgonia.org/gorgonia"
)

// Program is a program of the suite.
type Program struct {
	Name, Title string
	Author      Author
	Metric      Metric
	// Steps is the number of steps for which the author trains.
	Steps int
	// Elusive reports that the loss does not measure progress, as in a GAN. Then L4 is not expected
	// to win.
	Elusive bool

	// New builds the program and returns the function that trains it. The data, the initial weights
	// and the batches depend only on r. New and Train create solvers with newSolver.
	New func(r *rand.Rand, newSolver NewSolver) Train
}

// Train trains for the given number of steps and returns the metric. It may be called only once.
type Train func(steps int) (metric float64, err error)

// NewSolver creates a solver for a loss. The loss is nil if the program hides it.
type NewSolver func(loss gorgonia.Valuer) gorgonia.Solver

// Metric is the measure of a program's success.
type Metric struct {
	Name   string
	Higher bool    // whether higher is better
	Good   float64 // a run succeeds if its metric is Good or better
}

// Better reports whether a is a better value of the metric than b. NaN is worse than any number.
func (m Metric) Better(a, b float64) bool {
	if math.IsNaN(a) || math.IsNaN(b) {
		return !math.IsNaN(a) && math.IsNaN(b)
	}
	if m.Higher {
		return a > b
	}
	return a < b
}
