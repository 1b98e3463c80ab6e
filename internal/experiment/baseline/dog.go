package baseline

import (
	"math"

	"gonum.org/v1/gonum/floats"
)

// NewDoG returns DoG (M. Ivgi, O. Hinder and Y. Carmon, DoG is SGD's Best Friend, ICML 2023):
// gradient descent with a learning rate that is the largest distance from the start divided by the
// square root of the sum of all squared gradients. Its authors evaluate the average of the weights,
// l4.Average. The length of the first step is 1e-6·(1+‖w‖).
func NewDoG() *Solver { return &Solver{method: &dog{squares: epsilon}} }

const dogFirst = 1e-6

type dog struct {
	origin  []float64
	reach   float64 // the largest distance from the origin so far
	squares float64
}

func (d *dog) start(w []float64) {
	d.origin = append([]float64(nil), w...)
	d.reach = dogFirst * (1 + floats.Norm(w, 2))
}

func (d *dog) step(w, g []float64) {
	d.reach = max(d.reach, floats.Distance(w, d.origin, 2))
	d.squares += floats.Dot(g, g)
	floats.AddScaled(w, -d.reach/math.Sqrt(d.squares), g)
}
