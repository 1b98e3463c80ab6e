package baseline

import "math"

// NewProdigy returns the Adam variant of Prodigy (K. Mishchenko and A. Defazio, Prodigy: An
// Expeditiously Adaptive Parameter-Free Learner, ICML 2024), with its authors' defaults: first
// distance 1e-6, rate 1, no warm-up.
func NewProdigy() *Solver { return &Solver{method: &prodigy{d: 1e-6}} }

type prodigy struct {
	d      float64 // estimated distance to the solution; it never decreases
	r      float64 // running average of gᵀ(w0 - w)
	s      []float64
	origin []float64
	moments
}

func (p *prodigy) start(w []float64) {
	p.origin, p.s = append([]float64(nil), w...), make([]float64, len(w))
	p.moments = newMoments(len(w))
}

func (p *prodigy) step(w, g []float64) {
	beta3 := math.Sqrt(beta2)
	p.add(g, p.d)
	square := p.d * p.d
	dot, norm := 0.0, 0.0 // of s, the sum of magnitudes
	for i, g := range g {
		dot += g * (p.origin[i] - w[i])
		p.s[i] = beta3*p.s[i] + (1-beta3)*square*g
		norm += math.Abs(p.s[i])
	}
	p.r = beta3*p.r + (1-beta3)*square*dot
	for i, m := range p.m {
		w[i] -= p.d * m / (math.Sqrt(p.v[i]) + p.d*epsilon)
	}
	if norm > 0 {
		p.d = max(p.d, p.r/norm)
	}
}
