package bind_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/bind"
	"github.com/l4-go/l4/internal/bind/bindtest"
	"github.com/l4-go/l4/internal/flat"
	"github.com/l4-go/l4/internal/kernel"
)

var dtypes = []tensor.Dtype{tensor.Float32, tensor.Float64}

// param is a gorgonia.ValueGrad that is not a node.
type param struct {
	name string
	w, g gorgonia.Value
	err  error
}

func (p *param) Name() string                  { return p.name }
func (p *param) Value() gorgonia.Value         { return p.w }
func (p *param) Grad() (gorgonia.Value, error) { return p.g, p.err }

func of(dt tensor.Dtype, shape ...int) *tensor.Dense {
	return tensor.New(tensor.WithShape(shape...), tensor.Of(dt))
}

// newParam returns a weight and a gradient of the dtype and shape. Their elements depend on the
// seed.
func newParam(name string, dt tensor.Dtype, seed uint64, shape ...int) *param {
	p := &param{name: name, w: of(dt, shape...), g: of(dt, shape...)}
	bindtest.SetNumbers(p.w, ramp(p.w, seed))
	bindtest.SetNumbers(p.g, ramp(p.w, seed+100))
	return p
}

// ramp returns one number for each element of v. The numbers are integers, which both dtypes
// represent exactly.
func ramp(v gorgonia.Value, seed uint64) []float64 {
	r := rand.New(rand.NewPCG(seed, 1))
	xs := make([]float64, len(bindtest.Numbers(v)))
	for i := range xs {
		xs[i] = float64(r.IntN(1000) - 500)
	}
	return xs
}

func valueGrads(params ...*param) []gorgonia.ValueGrad {
	var model []gorgonia.ValueGrad
	for _, p := range params {
		model = append(model, p)
	}
	return model
}

// step subtracts the gradients from the weights and zeroes them.
func step(m *bind.Model, params ...*param) error {
	if err := m.Bind(valueGrads(params...)); err != nil {
		return err
	}
	m.Sum(flat.NewPass(0, subtract[float32], subtract[float64]))
	m.Commit()
	return nil
}

func subtract[T kernel.Float](_ int, p *flat.Part[T]) (_, _ float64) {
	for i, g := range p.G {
		p.W[i], p.G[i] = p.W[i]-g, 0
	}
	return 0, 0
}

// checkStep makes a step and returns the error of Bind. After a step the weights must be the old
// weights minus the gradients, and the gradients must be 0.
func checkStep(t *testing.T, m *bind.Model, params ...*param) {
	t.Helper()
	var want [][]float64
	for _, p := range params {
		w := bindtest.Numbers(p.w)
		for i, g := range bindtest.Numbers(p.g) {
			w[i] -= g
		}
		want = append(want, w)
	}
	if err := step(m, params...); err != nil {
		t.Fatal(err)
	}
	for i, p := range params {
		if got := bindtest.Numbers(p.w); !slices.Equal(got, want[i]) {
			t.Errorf("%s: weights %v, want %v", p.name, got, want[i])
		}
		if slices.ContainsFunc(bindtest.Numbers(p.g), func(x float64) bool { return x != 0 }) {
			t.Errorf("%s: gradients %v, want 0", p.name, bindtest.Numbers(p.g))
		}
	}
}
