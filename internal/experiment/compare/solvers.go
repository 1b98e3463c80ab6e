package compare

import (
	"image/color"

	"gorgonia.org/gorgonia"

	"github.com/l4-go/l4"
	"github.com/l4-go/l4/internal/experiment/baseline"
)

// Solver describes a solver that can be compared. It makes the solver from at most one number.
type Solver struct {
	Name    string // on the command line
	Title   string // in tables and figures
	Color   color.NRGBA
	Number  string  // what the number means, such as Fraction; "" for a solver without a number
	Default float64 // of the number
	// New makes the solver for one run. If the solver has a method SetLoss, the training loop calls
	// it before each step.
	New func(number float64) gorgonia.Solver
}

// The meanings of a solver's number.
const (
	Fraction = "fraction"      // of the gap to the estimated minimum that L4 closes in a step
	Rate     = "learning rate" // a constant learning rate, or the first of a schedule

	momentumTime = "time scale of the momentum in steps"
	correlation  = "correlation time of directions in steps"
)

// clipNorm is the largest gradient norm of the clipped solvers.
const clipNorm = 50

// Solvers are all solvers that can be compared, with their names, titles and colours. To add a
// solver, add an entry. Each title belongs to one implementation.
//
// "Adam" is package baseline's Adam, with an epsilon of 1e-8, in every table. Gorgonia's Adam,
// which programs of users have, is "Gorgonia's Adam". Momentum, SGD and RMSProp are Gorgonia's. The
// clipped solvers are package baseline's, because Gorgonia's solvers clip elements and not norms.
//
// L4 without its bound, which is the paper's algorithm, has a paler colour than L4 with its bound.
// A clipped solver has a darker colour than the solver of the same name without clipping. Most other colours
// are from the palette of Okabe and Ito, which colour-blind readers can distinguish.
var Solvers = []Solver{
	{"l4adam", "L4Adam", rgb(0x0072b2), Fraction, 0.15, l4Adam()},
	{"l4mom", "L4Mom", rgb(0xd55e00), Fraction, 0.15, l4Mom()},
	{"l4adam-plain", "L4Adam, no bound", rgb(0x7fb8d8), Fraction, 0.15, l4Adam(l4.WithoutBound())},
	{"l4mom-plain", "L4Mom, no bound", rgb(0xeaae80), Fraction, 0.15, l4Mom(l4.WithoutBound())},
	{"adam", "Adam", rgb(0x009e73), Rate, 1e-3, func(rate float64) gorgonia.Solver {
		return baseline.NewAdam(rate)
	}},
	{"momentum", "Momentum", rgb(0xcc79a7), Rate, 0.05, func(rate float64) gorgonia.Solver {
		return gorgonia.NewMomentum(gorgonia.WithLearnRate(rate), gorgonia.WithMomentum(0.9))
	}},
	{"momentum-drops", "Momentum, drops", rgb(0x000000), Rate, 0.1, newDropping},
	{"sgd", "SGD", rgb(0xe69f00), Rate, 0.1, func(rate float64) gorgonia.Solver {
		return gorgonia.NewVanillaSolver(gorgonia.WithLearnRate(rate))
	}},
	{"rmsprop", "RMSProp", rgb(0x56b4e9), Rate, 1e-3, func(rate float64) gorgonia.Solver {
		return gorgonia.NewRMSPropSolver(gorgonia.WithLearnRate(rate))
	}},
	{"adam-clipped", "Adam, clipped", rgb(0x006549), Rate, 0.01, clipped(baseline.NewAdam)},
	{"rmsprop-clipped", "RMSProp, clipped", rgb(0x4d4d4d), Rate, 0.005,
		clipped(baseline.NewRMSProp)},
	{"momentum-clipped", "Momentum, clipped", rgb(0x864569), Rate, 1.2,
		clipped(baseline.NewMomentum)},

	{"schedule-free", "Schedule-Free AdamW", rgb(0xf0e442), "", 0, func(float64) gorgonia.Solver {
		return baseline.NewScheduleFree()
	}},
	{"dog", "DoG", rgb(0x8c564b), "", 0, func(float64) gorgonia.Solver {
		return baseline.NewDoG()
	}},
	{"prodigy", "Prodigy", rgb(0x9467bd), "", 0, func(float64) gorgonia.Solver {
		return baseline.NewProdigy()
	}},
	{"momo", "MoMo-Adam", rgb(0x999933), "", 0, func(float64) gorgonia.Solver {
		return baseline.NewMoMoAdam(nil)
	}},
	{"gorgonia-adam", "Gorgonia's Adam", rgb(0x66c2a5), Rate, 1e-3,
		func(rate float64) gorgonia.Solver {
			return gorgonia.NewAdamSolver(gorgonia.WithLearnRate(rate))
		}},

	{"l4adam-time", "L4Adam, τm", rgb(0x005080), momentumTime, 10,
		func(τ float64) gorgonia.Solver { return l4.NewL4Adam(nil, l4.WithMomentumTime(τ)) }},
	{"l4mom-time", "L4Mom, τm", rgb(0x954200), momentumTime, 10,
		func(τ float64) gorgonia.Solver { return l4.NewL4Mom(nil, l4.WithMomentumTime(τ)) }},
	{"l4-sgd", "L4 over gradient descent, c =", rgb(0xa06f00), correlation, 1,
		l4Over(func() gorgonia.Solver { return gorgonia.NewVanillaSolver() })},
	{"l4-rmsprop", "L4 over RMSProp, c =", rgb(0x2b7ba5), correlation, 1,
		l4Over(func() gorgonia.Solver { return gorgonia.NewRMSPropSolver() })},
	{"l4-adam", "L4 over Gorgonia's Adam, c =", rgb(0x3b8f74), correlation, 19,
		l4Over(func() gorgonia.Solver { return gorgonia.NewAdamSolver() })},
}

// rgb returns an opaque colour.
func rgb(x uint32) color.NRGBA {
	return color.NRGBA{uint8(x >> 16), uint8(x >> 8), uint8(x), 0xff}
}

func l4Adam(opts ...l4.Option) func(alpha float64) gorgonia.Solver {
	return func(alpha float64) gorgonia.Solver {
		return l4.NewL4Adam(nil, append([]l4.Option{l4.WithFraction(alpha)}, opts...)...)
	}
}

func l4Mom(opts ...l4.Option) func(alpha float64) gorgonia.Solver {
	return func(alpha float64) gorgonia.Solver {
		return l4.NewL4Mom(nil, append([]l4.Option{l4.WithFraction(alpha)}, opts...)...)
	}
}

// l4Over returns L4 over another solver. It assumes that the solver's directions are correlated
// over c steps, so that the bound is narrower by a factor of √c.
func l4Over(inner func() gorgonia.Solver) func(c float64) gorgonia.Solver {
	return func(c float64) gorgonia.Solver {
		return l4.New(nil, inner(), l4.WithMomentumTime((c+1)/2))
	}
}

// clipped returns a solver of package baseline that limits the norm of the gradient to clipNorm.
func clipped(new func(rate float64) *baseline.Solver) func(rate float64) gorgonia.Solver {
	return func(rate float64) gorgonia.Solver { return new(rate).ClipNorm(clipNorm) }
}

// dropping is momentum with the usual schedule for residual nets: the rate is divided by 10 after
// half of the run, and again after three quarters.
type dropping struct {
	*gorgonia.Momentum
	first, rate float64
}

func newDropping(rate float64) gorgonia.Solver {
	return &dropping{gorgonia.NewMomentum(gorgonia.WithMomentum(0.9)), rate, rate}
}

// SetProgress sets the rate of the next step. done is the completed share of the run, from 0 to 1.
func (d *dropping) SetProgress(done float64) {
	d.rate = d.first
	for _, drop := range []float64{0.5, 0.75} {
		if done >= drop {
			d.rate /= 10
		}
	}
	gorgonia.WithLearnRate(d.rate)(d.Momentum)
}

// LearnRate returns the rate of the last step.
func (d *dropping) LearnRate() float64 { return d.rate }
