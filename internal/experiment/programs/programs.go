// Package programs is a suite of small programs as Gorgonia's users write them, with Gorgonia's own
// operations and the faults that such programs have. Each trains with any solver, so that a solver
// can be tried on what people do with Gorgonia rather than on benchmarks.
package programs

import (
	"math"
	"math/rand/v2"
	"sync"

	"gorgonia.org/gorgonia"
)

// Program is one of the suite.
type Program struct {
	Name, Title string
	Author      Author
	Metric      Metric
	// Steps is the number of steps that its author trains for.
	Steps int
	// Elusive says that the loss does not measure progress, as in a GAN, so that L4 is not expected
	// to win.
	Elusive bool
	// Unseeded says that not all that is random follows from the seed.
	Unseeded bool
	// WrongGradient says that an operation of Gorgonia has a wrong gradient here, with which the
	// solvers are to train all the same.
	WrongGradient bool

	// New builds the program and returns the rest of it, which trains for so many steps and returns
	// the metric. Data, initial weights and batches follow from r. newSolver makes a solver for the
	// given loss.
	New func(r *rand.Rand, newSolver NewSolver) Train
}

// Train trains for so many steps and returns the metric. It is called once.
type Train func(steps int) (metric float64, err error)

// NewSolver makes a solver for a loss, which is nil if the program cannot see it.
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

// All are the programs, relatives side by side.
var All = []Program{
	outliers, firstOutlier, largeTargets, leastAbsolute, huber, relativeError, sine, gaussian,
	quietStart, fineTuning, continued,
	xor, logistic, clickRate,
	softLabels, logEpsilon, forgottenLog, squaredSoftMax, batchNorm, dropout, convnet,
	framework,
	autoencoder, vae,
	charRNNSum, charRNNMean, lstm,
	skipGram, factorisation,
	qLearning, rareReward, reinforce, selfPlay, gan,
}

// building is held while a graph is built, differentiated or compiled: Gorgonia then changes state
// that all graphs share.
var building sync.Mutex

// setLoss tells a solver that asks for it that the next step belongs to another loss.
func setLoss(solver gorgonia.Solver, loss gorgonia.Valuer) {
	if s, ok := solver.(interface{ SetLoss(gorgonia.Valuer) }); ok {
		s.SetLoss(loss)
	}
}
