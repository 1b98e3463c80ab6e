package compare

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"gorgonia.org/gorgonia"

	"github.com/l4-go/l4"
)

// slope is a training of one weight with the loss slope·w + 1, from w = 1.
type slope struct {
	slope float64
	w, g  []float64
	model []gorgonia.ValueGrad
}

func newSlope(g float64) *slope {
	s := &slope{slope: g, w: []float64{1}, g: []float64{0}}
	s.model = []gorgonia.ValueGrad{dual{vector(s.w), vector(s.g)}}
	return s
}

func (s *slope) Run(int) (gorgonia.Valuer, []gorgonia.ValueGrad, error) {
	s.g[0] += s.slope
	return valuer{gorgonia.NewF64(s.slope*s.w[0] + 1)}, s.model, nil
}

func (s *slope) Metric() (float64, error) { return s.w[0], nil }
func (s *slope) State() []gorgonia.Value  { return []gorgonia.Value{s.model[0].Value()} }
func (s *slope) Close() error             { return nil }

// TestSolversStep: each solver moves a weight along a constant slope as its definition says.
// Solvers with clipping reduce a steep gradient to the norm 50.
func TestSolversStep(t *testing.T) {
	const g, rate = 1e-4, 0.01
	for _, c := range []struct {
		solver      string
		slope, want float64
		steps       int
	}{
		{"sgd", g, 2 * rate * g, 2},
		{"momentum", g, (1 + 1.9) * rate * g, 2},
		{"adam", g, 2 * rate * g / (g + 1e-8), 2},
		{"gorgonia-adam", g, 2 * rate * g / (g + 1e-8), 2},
		{"momentum-clipped", g, (1 + 1.9) * rate * g, 2},
		{"momentum-clipped", 1e6, 50 * rate, 1},
		{"adam-clipped", 1e6, rate, 1},
		{"rmsprop-clipped", 1e6, rate * 50 / math.Sqrt(0.9+0.1*50*50), 1},
	} {
		training, solver := newSlope(c.slope), Choice{c.solver, rate}.New()
		opts := Options{Epochs: 1, EpochSteps: c.steps}
		if _, err := Train(t.Context(), training, solver, opts); err != nil {
			t.Fatal(err)
		}
		if got := 1 - training.w[0]; math.Abs(got-c.want) > 1e-8*c.want+1e-15 {
			t.Errorf("%s: moved by %v, want %v", c.solver, got, c.want)
		}
		if solver.LearnRate() != rate {
			t.Errorf("%s: learning rate %v", c.solver, solver.LearnRate())
		}
	}
}

// TestSolversOfL4: L4's solvers have the options that their numbers stand for.
func TestSolversOfL4(t *testing.T) {
	type solver interface {
		gorgonia.Solver
		SetLoss(gorgonia.Valuer)
		Last() l4.Info
	}
	sgd := gorgonia.NewVanillaSolver()
	for text, direct := range map[string]solver{
		"l4adam:0.25":       l4.NewL4Adam(nil, l4.WithFraction(0.25)),
		"l4mom:0.25":        l4.NewL4Mom(nil, l4.WithFraction(0.25)),
		"l4adam-plain:0.25": l4.NewL4Adam(nil, l4.WithFraction(0.25), l4.WithoutBound()),
		"l4mom-plain:0.25":  l4.NewL4Mom(nil, l4.WithFraction(0.25), l4.WithoutBound()),
		"l4adam-time:3":     l4.NewL4Adam(nil, l4.WithMomentumTime(3)),
		"l4mom-time:3":      l4.NewL4Mom(nil, l4.WithMomentumTime(3)),
		"l4-sgd:4.75":       l4.New(nil, sgd, l4.WithMomentumTime(2.875)),
	} {
		want := newSlope(1)
		for step := range 2 {
			loss, model, _ := want.Run(step)
			direct.SetLoss(loss)
			if err := direct.Step(model); err != nil {
				t.Fatal(err)
			}
		}
		training, made := newSlope(1), choice(text).New()
		opts := Options{Epochs: 1, EpochSteps: 2}
		if _, err := Train(t.Context(), training, made, opts); err != nil {
			t.Fatal(err)
		}
		if got := training.w[0]; got != want.w[0] || got == 1 {
			t.Errorf("%s: the weight is %v, want %v", text, got, want.w[0])
		}
		if got := made.LearnRate(); got != direct.Last().LearnRate || got <= 0 {
			t.Errorf("%s: learning rate %v, want %v", text, got, direct.Last().LearnRate)
		}
	}
}

// TestRegistry: the solvers' names, titles and colours differ, and each solver lowers a loss with
// its default.
func TestRegistry(t *testing.T) {
	seen := map[any]bool{}
	for _, s := range Solvers {
		for _, x := range []any{s.Name, s.Title, s.Color} {
			if seen[x] {
				t.Errorf("%s: another solver also has %v", s.Name, x)
			}
			seen[x] = true
		}
		if s.Color.A != 0xff || (s.Default > 0) != (s.Number != "") {
			t.Errorf("%s: %s %v, color %v", s.Name, s.Number, s.Default, s.Color)
		}
		epochs := fit(t, newRegression(40, 8, 1), s.Name, Options{Epochs: 20, EpochSteps: 5})
		if first, last := epochs[0].Loss, epochs[19].Loss; !(last < first) {
			t.Errorf("%s: the loss goes from %v to %v", s.Name, first, last)
		}
	}
}

// TestAverage: the metric of averaged weights is the metric at l4.Average's weights, and evaluating
// it does not disturb the training. A solver with Swap is evaluated at the weights that Swap gives.
func TestAverage(t *testing.T) {
	for _, solver := range []string{"adam:0.1", "schedule-free"} {
		opts := Options{Epochs: 3, EpochSteps: 5}
		plain := fit(t, newRegression(40, 8, 1), solver, opts)
		opts.Average = true
		epochs := fit(t, newRegression(40, 8, 1), solver, opts)

		training, direct := newRegression(40, 8, 1), choice(solver).New()
		average := l4.NewAverage(training.model)
		swap, _ := direct.Solver.(interface{ Swap() error })
		metric := func(s interface{ Swap() error }) float64 {
			if s != nil {
				s.Swap()
				defer s.Swap()
			}
			m, _ := training.Metric()
			return m
		}
		for step := range 15 {
			training.Run(step)
			if err := direct.Step(training.model); err != nil {
				t.Fatal(err)
			}
			if err := average.Update(); err != nil {
				t.Fatal(err)
			}
			if (step+1)%5 != 0 {
				continue
			}
			e := epochs[step/5]
			want := fmt.Sprint(metric(swap), metric(average))
			if got := fmt.Sprint(e.Metric, e.Average); got != want {
				t.Errorf("%s: epoch %d has the metrics %s, want %s", solver, e.Number, got, want)
			}
			if e.Metric == e.Average || plain[step/5].Metric != e.Metric {
				t.Errorf("%s: %+v, without the average %+v", solver, e, plain[step/5])
			}
		}
	}
}

// TestMomentumDrops: the rate falls to a tenth in the middle and at three quarters of a run.
func TestMomentumDrops(t *testing.T) {
	var rates []float64
	opts := Options{Epochs: 2, EpochSteps: 4, OnStep: func(_ int, _, rate float64) {
		rates = append(rates, rate)
	}}
	training := newSlope(1e-4)
	fit(t, training, "momentum-drops:0.5", opts)
	want := []float64{0.5, 0.5, 0.5, 0.5, 0.05, 0.05, 0.005, 0.005}
	if !slices.Equal(rates, want) {
		t.Errorf("rates %v, want %v", rates, want)
	}
	velocity, moved := 0.0, 0.0
	for _, rate := range want {
		velocity = 0.9*velocity + rate*1e-4
		moved += velocity
	}
	if got := 1 - training.w[0]; math.Abs(got-moved) > 1e-9*moved {
		t.Errorf("moved by %v, want %v", got, moved)
	}
}
