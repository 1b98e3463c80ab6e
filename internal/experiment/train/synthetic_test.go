package train

import (
	"math"
	"slices"
	"testing"

	"gorgonia.org/gorgonia"
)

// run returns loss and gradient of a synthetic task's step at w, by way of its graph.
func (p Synthetic) run(t *testing.T, step int, w []float64) (loss float64, grad []float64) {
	t.Helper()
	task := p.Task(7, 1)
	copy(task.Weights[0].Value().Data().([]float64), w)
	vm, err := compile(task)
	if err != nil {
		t.Fatal(err)
	}
	defer vm.Close()
	task.Next(step)
	if err := vm.RunAll(); err != nil {
		t.Fatal(err)
	}
	g, err := task.Weights[0].Grad()
	if err != nil {
		t.Fatal(err)
	}
	return number(task.Loss.Value()), g.Data().([]float64)
}

// disturbances are steps in which loss and gradient do not belong together, and their factors.
var disturbances = map[string]struct {
	steps      []int
	loss, grad float64
}{
	"quadratic-zeros-30":        {[]int{100, 129}, 1, 0},
	"quadratic-zeros-200":       {[]int{100, 299}, 1, 0},
	"quadratic-gradient-spikes": {[]int{97, 970}, 1, 1000},
	"quadratic-loss-spikes":     {[]int{500, 3500}, 1e6, 1},
}

// TestSyntheticGradients compares the gradients with central differences where they are not disturbed, and the
// disturbed steps with those.
func TestSyntheticGradients(t *testing.T) {
	for _, p := range SyntheticProblems {
		w := p.Task(3, 1).Weights[0].Value().Data().([]float64)
		for _, step := range []int{0, 99, 301, 3999} {
			loss, grad := p.run(t, step, w)
			if loss < p.Least {
				t.Errorf("%s: loss %v in step %d", p.Name, loss, step)
			}
			const h = 1e-5
			for i, x := range w {
				w[i] = x + h
				up, _ := p.run(t, step, w)
				w[i] = x - h
				down, _ := p.run(t, step, w)
				w[i] = x
				if want := (up - down) / (2 * h); math.Abs(grad[i]-want) > 1e-7*(1+math.Abs(want)) {
					t.Errorf("%s: gradient %v at element %d in step %d, central difference %v", p.Name, grad[i], i, step, want)
				}
			}
		}
		loss, grad := p.run(t, 99, w)
		d := disturbances[p.Name]
		for _, step := range d.steps {
			gotLoss, gotGrad := p.run(t, step, w)
			if gotLoss != d.loss*loss {
				t.Errorf("%s: loss %v in step %d, want %v", p.Name, gotLoss, step, d.loss*loss)
			}
			for i := range grad {
				if gotGrad[i] != d.grad*grad[i] {
					t.Errorf("%s: gradient %v at element %d in step %d, want %v", p.Name, gotGrad[i], i, step, d.grad*grad[i])
				}
			}
		}
	}
}

// TestSyntheticNoise: it follows from seed and step, and the loss stays above zero even where it is at its worst.
func TestSyntheticNoise(t *testing.T) {
	p := SyntheticProblems[slices.IndexFunc(SyntheticProblems, func(p Synthetic) bool { return p.Name == "quadratic-noise" })]
	at := func(seed uint64, step int) float64 {
		task := p.Task(seed, 1)
		w := task.Weights[0].Value().Data().([]float64)
		for i := range w {
			w[i] = 0.1
		}
		task.Next(step)
		vm := gorgonia.NewTapeMachine(task.Graph)
		defer vm.Close()
		if err := vm.RunAll(); err != nil {
			t.Fatal(err)
		}
		return number(task.Loss.Value())
	}
	if at(1, 5) != at(1, 5) || at(1, 5) == at(1, 6) || at(1, 5) == at(2, 5) {
		t.Error("the noise does not follow from seed and step")
	}
	inverse := 0.0
	unit, grad := make([]float64, size), make([]float64, size)
	for i := range unit {
		unit[i] = 1
	}
	quadratic(unit, grad)
	for _, lambda := range grad {
		inverse += 1 / lambda
	}
	if least := 1 - noise*noiseBound*noise*noiseBound/2*inverse; !(least > 0) {
		t.Errorf("the loss can be %v", least)
	}
}
