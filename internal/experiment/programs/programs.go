// Package programs is a suite of small programs as Gorgonia's users write them, with Gorgonia's own
// operations and the faults that such programs have. Each trains with any solver, so that a solver
// can be tried on what people do with Gorgonia rather than on benchmarks. So each has its own
// training loop, and ignores the errors of Step on purpose.
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
	// Steps is the number of steps that its author trains for.
	Steps int
	// Elusive says that the loss does not measure progress, as in a GAN, so that L4 is not expected
	// to win.
	Elusive bool

	// New builds the program and returns its training. Data, initial weights and batches follow
	// from r. newSolver makes a solver for the given loss.
	New func(r *rand.Rand, newSolver NewSolver) Train
}

// Train trains for a number of steps and returns the metric. It is called once.
type Train func(steps int) (metric float64, err error)

// NewSolver makes a solver for a loss, which is nil if the program hides it.
type NewSolver func(loss gorgonia.Valuer) gorgonia.Solver

// Metric says what a program is judged by.
type Metric struct {
	Name   string
	Higher bool    // whether higher is better
	Good   float64 // what a run must reach to count as a success
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
