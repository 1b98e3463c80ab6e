package l4_test

import (
	"fmt"
	"log"
	"math"
	"math/rand/v2"

	"gorgonia.org/gorgonia"

	"github.com/l4-go/l4"
)

// minimise makes steps on f, a function of one weight that starts at 0, and returns the last
// weight.
func minimise(
	newSolver func(loss gorgonia.Valuer) gorgonia.Solver,
	steps int,
	f func(w float64) (loss, gradient float64),
) float64 {
	loss := gorgonia.NewF64(0)
	w := &param{name: "w", w: gorgonia.NewF64(0), g: gorgonia.NewF64(0)}
	solver := newSolver(valuer{loss})
	for range steps {
		x := numbers(w.w)[0]
		l, g := f(x)
		*loss = gorgonia.F64(l)
		w.setGrad([]float64{g})
		if err := solver.Step([]gorgonia.ValueGrad{w}); err != nil {
			log.Fatal(err)
		}
	}
	return numbers(w.w)[0]
}

// parabola returns (w-3)².
func parabola(w float64) (loss, gradient float64) { return (w - 3) * (w - 3), 2 * (w - 3) }

// RMSProp supplies the direction of each step, and L4 its length.
func ExampleNew() {
	w := minimise(func(loss gorgonia.Valuer) gorgonia.Solver {
		return l4.New(loss, gorgonia.NewRMSPropSolver())
	}, 2000, parabola)
	fmt.Printf("%.3f\n", w)
	// Output: 3.000
}

// A log density can be positive, so the negative log density can be below zero. L4 needs a lower
// bound of this loss.
func ExampleWithLossFloor() {
	w := minimise(func(loss gorgonia.Valuer) gorgonia.Solver {
		return l4.NewL4Adam(loss, l4.WithLossFloor(-100))
	}, 2000, func(w float64) (float64, float64) {
		l, g := parabola(w)
		return l - 100, g
	})
	fmt.Printf("%.3f\n", w)
	// Output: 3.000
}

// The penalty is part of the loss: with λ = 1 the minimum of (w-3)² + λ/2·w² is 3, at w = 2. The
// loss cannot come near zero, so its floor helps L4 to converge.
func ExampleWithL2Reg() {
	w := minimise(func(loss gorgonia.Valuer) gorgonia.Solver {
		return l4.NewL4Mom(loss, l4.WithL2Reg(1), l4.WithLossFloor(3))
	}, 2000, parabola)
	fmt.Printf("%.3f\n", w)
	// Output: 2.000
}

// At zero the penalty's slope is larger than the slope of (w/10-0.1)², so the weight stays at zero.
func ExampleWithL1Reg() {
	w := minimise(func(loss gorgonia.Valuer) gorgonia.Solver {
		return l4.NewL4Mom(loss, l4.WithL1Reg(0.1), l4.WithLossFloor(0.01))
	}, 300, func(w float64) (float64, float64) {
		d := w/10 - 0.1
		return d * d, d / 5
	})
	fmt.Printf("%.1f\n", w)
	// Output: 0.0
}

// Each step reduces the weight by a ten-thousandth, so the loss stays above its minimum.
func ExampleWithWeightDecay() {
	w := minimise(func(loss gorgonia.Valuer) gorgonia.Solver {
		return l4.NewL4Mom(loss, l4.WithWeightDecay(1e-4))
	}, 2000, parabola)
	fmt.Println(2.9 < w && w < 3)
	// Output: true
}

// The option limits each element of a gradient to 10.
func ExampleWithClip() {
	w := minimise(func(loss gorgonia.Valuer) gorgonia.Solver {
		return l4.NewL4Adam(loss, l4.WithClip(10))
	}, 2000, parabola)
	fmt.Printf("%.2f\n", w)
	// Output: 3.00
}

// One batch in fifty has a gradient that is a million times too large. The option reduces it to the
// size of the other gradients.
func ExampleWithClipNorm() {
	step := 0
	w := minimise(func(loss gorgonia.Valuer) gorgonia.Solver {
		return l4.NewL4Adam(loss, l4.WithClipNorm(10))
	}, 2000, func(w float64) (float64, float64) {
		l, g := parabola(w)
		if step++; step%50 == 0 {
			g *= 1e6
		}
		return l, g
	})
	fmt.Printf("%.2f\n", w)
	// Output: 3.00
}

func ExampleWithMaxLearnRate() {
	largest := 0.0
	minimise(func(loss gorgonia.Valuer) gorgonia.Solver {
		return l4.NewL4Mom(loss, l4.WithMaxLearnRate(0.001), l4.WithRecorder(func(i l4.Info) {
			largest = max(largest, i.LearnRate)
		}))
	}, 100, parabola)
	fmt.Println(largest)
	// Output: 0.001
}

// The schedule reduces the learning rate of the last hundred steps to zero.
func ExampleWithMaxLearnRateSchedule() {
	const steps = 1000
	fall := func(step int) float64 {
		if step <= steps-100 {
			return math.Inf(1)
		}
		return 0.001 * float64(steps-step+1) / 100
	}
	minimise(func(loss gorgonia.Valuer) gorgonia.Solver {
		record := l4.WithRecorder(func(i l4.Info) {
			if i.Step == steps-49 || i.Step == steps {
				fmt.Printf("step %d: learning rate %.2g\n", i.Step, i.LearnRate)
			}
		})
		return l4.NewL4Mom(loss, l4.WithMaxLearnRateSchedule(fall), record)
	}, steps, parabola)
	// Output:
	// step 951: learning rate 0.0005
	// step 1000: learning rate 1e-05
}

// The recorder logs every hundredth step.
func ExampleWithRecorder() {
	minimise(func(loss gorgonia.Valuer) gorgonia.Solver {
		return l4.NewL4Mom(loss, l4.WithRecorder(func(i l4.Info) {
			if i.Step%100 == 0 {
				fmt.Printf("step %d: loss %.0e, learning rate %.2g\n", i.Step, i.Loss, i.LearnRate)
			}
		}))
	}, 200, parabola)
	// Output:
	// step 100: loss 2e+00, learning rate 0.0033
	// step 200: loss 5e-01, learning rate 0.0033
}

// If the gradients are noisy, the average of the weights is better than the last weights.
func ExampleAverage() {
	noise := rand.New(rand.NewPCG(1, 2))
	w := &param{name: "w", w: gorgonia.NewF64(0), g: gorgonia.NewF64(0)}
	model, loss := []gorgonia.ValueGrad{w}, gorgonia.NewF64(0)
	solver, average := l4.NewL4Mom(valuer{loss}), l4.NewAverage(model)
	for range 10_000 {
		x := float64(*w.w.(*gorgonia.F64))
		target := 3 + noise.NormFloat64()
		*loss = gorgonia.F64((x - target) * (x - target))
		*w.g.(*gorgonia.F64) = gorgonia.F64(2 * (x - target))
		if err := solver.Step(model); err != nil {
			log.Fatal(err)
		}
		if err := average.Update(); err != nil {
			log.Fatal(err)
		}
	}
	if err := average.Swap(); err != nil { // now the model has the averaged weights
		log.Fatal(err)
	}
	fmt.Printf("%.1f\n", float64(*w.w.(*gorgonia.F64)))
	// Output: 3.0
}

// A loss below zero lowers the floor of the loss. A loss near the new floor lowers the floor again.
func ExampleInfo() {
	minimise(func(loss gorgonia.Valuer) gorgonia.Solver {
		return l4.NewL4Mom(loss, l4.WithRecorder(func(i l4.Info) {
			if i.Step == 1 || i.Step == 1000 {
				fmt.Printf("step %d: loss %.2f, floor %.2f\n", i.Step, i.Loss, i.Floor)
			}
		}))
	}, 1000, func(w float64) (loss, gradient float64) {
		l, g := parabola(w)
		return l - 20, g
	})
	// Output:
	// step 1: loss -11.00, floor -22.00
	// step 1000: loss -20.00, floor -37.42
}
