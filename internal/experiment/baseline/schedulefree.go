package baseline

import "math"

// ScheduleFree is Schedule-Free AdamW (A. Defazio et al., The Road Less Scheduled, NeurIPS 2024).
// In training the model has the weights y, at which gradients are computed. The weights to evaluate
// are the average x; Swap puts x into the model.
type ScheduleFree struct {
	Solver
	method scheduleFree
}

// NewScheduleFree returns Schedule-Free AdamW with its authors' defaults: rate 2.5e-3, no warm-up
// and no weight decay.
func NewScheduleFree() *ScheduleFree {
	s := &ScheduleFree{method: scheduleFree{rate: 2.5e-3}}
	s.Solver.method = &s.method
	return s
}

// Swap puts the weights to evaluate into the model. The next call puts the weights in training
// back. The first call must come after a step, and no step may come between the two calls.
func (s *ScheduleFree) Swap() error {
	s.w, s.method.x = s.method.x, s.w
	s.write()
	return nil
}

type scheduleFree struct {
	rate    float64
	t       float64
	x, z, v []float64
	weight  float64 // sum of the weights in the average so far
}

func (s *scheduleFree) start(w []float64) {
	s.z, s.v = append([]float64(nil), w...), make([]float64, len(w))
	s.x = append([]float64(nil), w...)
}

func (s *scheduleFree) step(y, g []float64) {
	s.t++
	rate := s.rate * math.Sqrt(1-math.Pow(beta2, s.t)) // also the largest rate so far
	s.weight += rate * rate
	share := rate * rate / s.weight
	for i, g := range g {
		s.v[i] += (1 - beta2) * (g*g - s.v[i])
		s.z[i] -= rate * g / (math.Sqrt(s.v[i]) + epsilon)
		s.x[i] += share * (s.z[i] - s.x[i])
		y[i] = (1-beta1)*s.z[i] + beta1*s.x[i]
	}
}
