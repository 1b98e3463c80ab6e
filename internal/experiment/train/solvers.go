package train

import (
	"image/color"

	"gorgonia.org/gorgonia"

	"github.com/l4-go/l4"
	"github.com/l4-go/l4/internal/experiment/baseline"
)

// Solver is a solver whose learning rate can be read.
type Solver struct {
	gorgonia.Solver
	// LearnRate returns the learning rate of the last step.
	LearnRate func() float64
}

// Kind is a way to make a solver from one number.
type Kind struct {
	Name   string // as the user types it
	Title  string // as tables and figures show it
	Color  color.NRGBA
	Number string  // what the number means: Fraction or Rate
	Value  float64 // default of the number
	// New makes the solver for one run. The loop tells it the loss before each step.
	New func(value float64) Solver
}

// Meanings of a kind's number.
const (
	Fraction = "fraction" // of the gap to the estimated minimum that L4 closes in a step
	Rate     = "rate"     // a constant learning rate, or the first of a schedule
)

// clipNorm is the limit of the clipped solvers to the norm of the gradient.
const clipNorm = 50

// Kinds are the solvers that can be compared. This is the one place where a solver gets its name
// and its colour; a new one is a new entry. L4 without its bound, the paper's algorithm, has a paler
// colour than L4 with it, and a clipped solver a darker one than the same without; RMSProp's would
// be L4Adam's, so it is grey. The others are from the palette of Okabe and Ito, which colour-blind
// readers can tell apart. Gorgonia's solvers clip elements, not norms, so those that clip are not
// Gorgonia's.
var Kinds = []Kind{
	{"l4adam", "L4Adam", color.NRGBA{0x00, 0x72, 0xb2, 0xff}, Fraction, 0.15, l4Adam()},
	{"l4mom", "L4Mom", color.NRGBA{0xd5, 0x5e, 0x00, 0xff}, Fraction, 0.15, l4Mom()},
	{"l4adam-plain", "L4Adam, no bound", color.NRGBA{0x7f, 0xb8, 0xd8, 0xff}, Fraction, 0.15,
		l4Adam(l4.WithoutBound())},
	{"l4mom-plain", "L4Mom, no bound", color.NRGBA{0xea, 0xae, 0x80, 0xff}, Fraction, 0.15,
		l4Mom(l4.WithoutBound())},
	{"adam", "Adam", color.NRGBA{0x00, 0x9e, 0x73, 0xff}, Rate, 1e-3, func(rate float64) Solver {
		// The epsilon is the paper's.
		s := gorgonia.NewAdamSolver(gorgonia.WithLearnRate(rate), gorgonia.WithEps(1e-4))
		return constant(s, rate)
	}},
	{"momentum", "Momentum", color.NRGBA{0xcc, 0x79, 0xa7, 0xff}, Rate, 0.05,
		func(rate float64) Solver {
			s := gorgonia.NewMomentum(gorgonia.WithLearnRate(rate), gorgonia.WithMomentum(0.9))
			return constant(s, rate)
		}},
	{"momentum-drops", "Momentum, drops", color.NRGBA{0x00, 0x00, 0x00, 0xff}, Rate, 0.1,
		func(rate float64) Solver {
			s := &dropping{gorgonia.NewMomentum(gorgonia.WithMomentum(0.9)), rate, rate}
			return Solver{Solver: s, LearnRate: func() float64 { return s.rate }}
		}},
	{"sgd", "SGD", color.NRGBA{0xe6, 0x9f, 0x00, 0xff}, Rate, 0.1, func(rate float64) Solver {
		return constant(gorgonia.NewVanillaSolver(gorgonia.WithLearnRate(rate)), rate)
	}},
	{"rmsprop", "RMSProp", color.NRGBA{0x56, 0xb4, 0xe9, 0xff}, Rate, 1e-3,
		func(rate float64) Solver {
			return constant(gorgonia.NewRMSPropSolver(gorgonia.WithLearnRate(rate)), rate)
		}},
	{"adam-clipped", "Adam, clipped", color.NRGBA{0x00, 0x65, 0x49, 0xff}, Rate, 0.01,
		clipped(baseline.NewAdam)},
	{"rmsprop-clipped", "RMSProp, clipped", color.NRGBA{0x4d, 0x4d, 0x4d, 0xff}, Rate, 0.005,
		clipped(baseline.NewRMSProp)},
	{"momentum-clipped", "Momentum, clipped", color.NRGBA{0x86, 0x45, 0x69, 0xff}, Rate, 1.2,
		clipped(baseline.NewMomentum)},
}

// KindOf returns the kind with a name. It reports whether there is one.
func KindOf(name string) (Kind, bool) {
	for _, k := range Kinds {
		if k.Name == name {
			return k, true
		}
	}
	return Kind{}, false
}

func l4Adam(opts ...l4.Option) func(alpha float64) Solver {
	return func(alpha float64) Solver {
		return adaptive(l4.NewL4Adam(nil, append([]l4.Option{l4.WithFraction(alpha)}, opts...)...))
	}
}

func l4Mom(opts ...l4.Option) func(alpha float64) Solver {
	return func(alpha float64) Solver {
		return adaptive(l4.NewL4Mom(nil, append([]l4.Option{l4.WithFraction(alpha)}, opts...)...))
	}
}

// clipped limits the norm of the gradient.
func clipped(new func(rate float64) *baseline.Solver) func(rate float64) Solver {
	return func(rate float64) Solver { return constant(new(rate).ClipNorm(clipNorm), rate) }
}

func adaptive(s interface {
	gorgonia.Solver
	Last() l4.Info
}) Solver {
	return Solver{Solver: s, LearnRate: func() float64 { return s.Last().LearnRate }}
}

func constant(s gorgonia.Solver, rate float64) Solver {
	return Solver{Solver: s, LearnRate: func() float64 { return rate }}
}

// dropping is momentum with the schedule that residual nets are trained by: the rate falls to a
// tenth at half of the run, and again at three quarters.
type dropping struct {
	*gorgonia.Momentum
	first, rate float64
}

// SetProgress sets the rate for the next step.
func (d *dropping) SetProgress(done float64) {
	d.rate = d.first
	for _, drop := range []float64{0.5, 0.75} {
		if done >= drop {
			d.rate /= 10
		}
	}
	gorgonia.WithLearnRate(d.rate)(d.Momentum)
}
