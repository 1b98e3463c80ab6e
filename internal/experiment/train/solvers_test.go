package train

import (
	"math"
	"slices"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
)

// slope is a task of one weight with the loss g·w + 1.
func slope(t *testing.T, g, start float64) Plain {
	graph := gorgonia.NewGraph()
	w := gorgonia.NewVector(graph, tensor.Float64, gorgonia.WithName("w"), gorgonia.WithShape(1),
		gorgonia.WithValue(tensor.New(tensor.WithShape(1), tensor.WithBacking([]float64{start}))))
	product := gorgonia.Must(gorgonia.Mul(gorgonia.Must(gorgonia.Sum(w)), gorgonia.NewConstant(g)))
	loss := gorgonia.Must(gorgonia.Add(product, gorgonia.NewConstant(1.0)))
	m, err := NewMachine(loss, gorgonia.Nodes{w})
	return must(t, Plain{Machine: m}, err)
}

// TestKinds: how each solver moves a weight in two steps along a constant slope. Those of Gorgonia
// do so after their definition, and L4 like a solver made by hand.
func TestKinds(t *testing.T) {
	const g, rate = 1e-4, 0.01
	for name, want := range map[string]float64{
		"sgd":      2 * rate * g,
		"momentum": (1 + 1.9) * rate * g,
		"adam":     2 * rate * g / (g + 1e-4),

		"momentum-clipped": (1 + 1.9) * rate * g,
	} {
		kind, _ := KindOf(name)
		task, solver := slope(t, g, 1), kind.New(rate)
		if _, err := Run(t.Context(), task, solver, Options{Epochs: 1, EpochSteps: 2}); err != nil {
			t.Fatal(err)
		}
		if got := 1 - floats(task.State())[0]; math.Abs(got-want) > 1e-9*want+1e-15 {
			t.Errorf("%s: moved by %v, want %v", name, got, want)
		}
		if solver.LearnRate() != rate {
			t.Errorf("%s: learning rate %v", name, solver.LearnRate())
		}
	}
	for name, direct := range map[string]interface {
		gorgonia.Solver
		SetLoss(gorgonia.Valuer)
		Last() l4.Info
	}{
		"l4adam": l4.NewL4Adam(nil, l4.WithFraction(0.25)),
		"l4mom":  l4.NewL4Mom(nil, l4.WithFraction(0.25)),
	} {
		want := slope(t, 1, 1)
		for step := range 2 {
			loss, model, err := want.Run(step)
			if err != nil {
				t.Fatal(err)
			}
			direct.SetLoss(loss)
			if err := direct.Step(model); err != nil {
				t.Fatal(err)
			}
		}
		kind, _ := KindOf(name)
		task, solver := slope(t, 1, 1), kind.New(0.25)
		if _, err := Run(t.Context(), task, solver, Options{Epochs: 1, EpochSteps: 2}); err != nil {
			t.Fatal(err)
		}
		if got := floats(task.State())[0]; got != floats(want.State())[0] || got == 1 {
			t.Errorf("%s: the weight is %v, want %v", name, got, floats(want.State())[0])
		}
		if got := solver.LearnRate(); got != direct.Last().LearnRate || got <= 0 {
			t.Errorf("%s: learning rate %v, want %v", name, got, direct.Last().LearnRate)
		}
	}
}

// TestKindTable: each kind has a name, a title and a colour of its own, and lowers a loss at its
// default.
func TestKindTable(t *testing.T) {
	seen := map[any]bool{}
	for _, k := range Kinds {
		for _, x := range []any{k.Name, k.Title, k.Color} {
			if seen[x] {
				t.Errorf("%s: %v stands there twice", k.Name, x)
			}
			seen[x] = true
		}
		if k.Color.A != 0xff || k.Value <= 0 || k.Number != Fraction && k.Number != Rate {
			t.Errorf("%s: %v %v, color %v", k.Name, k.Number, k.Value, k.Color)
		}
		if found, ok := KindOf(k.Name); !ok || found.Title != k.Title {
			t.Errorf("%s: found %v, %v", k.Name, found.Title, ok)
		}
		task := classifier(t, smallWeights(), randomImages(40), 8, 1)
		records := fit(t, task, k.Name, Options{Epochs: 20, EpochSteps: 5})
		if first, last := records[0].Loss, records[19].Loss; !(last < first) {
			t.Errorf("%s: the loss goes from %v to %v", k.Name, first, last)
		}
	}
	if _, ok := KindOf("adamw2"); ok {
		t.Error("found a kind that does not exist")
	}
}

// TestMomentumDrops: the rate falls to a tenth in the middle and at three quarters of a run.
func TestMomentumDrops(t *testing.T) {
	kind, _ := KindOf("momentum-drops")
	solver := kind.New(0.5)
	var rates []float64
	opts := Options{Epochs: 2, EpochSteps: 4, OnStep: func(_ int, _, rate float64) {
		rates = append(rates, rate)
	}}
	task := slope(t, 1e-4, 1)
	if _, err := Run(t.Context(), task, solver, opts); err != nil {
		t.Fatal(err)
	}
	want := []float64{0.5, 0.5, 0.5, 0.5, 0.05, 0.05, 0.005, 0.005}
	if !slices.Equal(rates, want) {
		t.Errorf("rates %v, want %v", rates, want)
	}
	velocity, moved := 0.0, 0.0
	for _, rate := range want {
		velocity = 0.9*velocity + rate*1e-4
		moved += velocity
	}
	if got := 1 - floats(task.State())[0]; math.Abs(got-moved) > 1e-9*moved {
		t.Errorf("moved by %v, want %v", got, moved)
	}
}

// TestClippedKinds: along a steep slope they take the gradient for one of the norm 50.
func TestClippedKinds(t *testing.T) {
	const rate = 0.01
	for name, want := range map[string]float64{
		"momentum-clipped": 50 * rate,
		"adam-clipped":     rate,
		"rmsprop-clipped":  rate * 50 / math.Sqrt(0.9+0.1*50*50),
	} {
		kind, _ := KindOf(name)
		task := slope(t, 1e6, 1)
		opts := Options{Epochs: 1, EpochSteps: 1}
		if _, err := Run(t.Context(), task, kind.New(rate), opts); err != nil {
			t.Fatal(err)
		}
		if got := 1 - floats(task.State())[0]; math.Abs(got-want) > 1e-8*want {
			t.Errorf("%s: moved by %v, want %v", name, got, want)
		}
	}
}
