package flat

import "github.com/l4-go/l4/internal/kernel"

// Sums hold a sum of gradients for each tensor of a model, in a slice of its dtype; the other is nil.
type Sums struct {
	F32 [][]float32
	F64 [][]float64
}

// Set returns the pass that sets the sums to the gradients.
func (s *Sums) Set() Pass { return NewPass(s, set32, set64) }

// Add returns the pass that adds the gradients to the sums.
func (s *Sums) Add() Pass { return NewPass(s, add32, add64) }

func set32(s *Sums, p *Part[float32]) (_, _ float64) {
	copy(s.F32[p.Tensor][p.Lo:], p.G)
	return 0, 0
}

func set64(s *Sums, p *Part[float64]) (_, _ float64) {
	copy(s.F64[p.Tensor][p.Lo:], p.G)
	return 0, 0
}

func add32(s *Sums, p *Part[float32]) (_, _ float64) {
	kernel.Add(s.F32[p.Tensor][p.Lo:][:len(p.G)], p.G)
	return 0, 0
}

func add64(s *Sums, p *Part[float64]) (_, _ float64) {
	kernel.Add(s.F64[p.Tensor][p.Lo:][:len(p.G)], p.G)
	return 0, 0
}
