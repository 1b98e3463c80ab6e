package batch_test

import (
	"slices"
	"testing"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/batch"
	"github.com/l4-go/l4/internal/bind/bindtest"
)

// param is a gorgonia.ValueGrad that is not a node.
type param struct{ w, g gorgonia.Value }

func (p param) Value() gorgonia.Value         { return p.w }
func (p param) Grad() (gorgonia.Value, error) { return p.g, nil }

type number struct{ v gorgonia.Value }

func (n number) Value() gorgonia.Value { return n.v }

// model returns a model with a tensor of each dtype and a scalar. Its gradients are x, 2x, 3x, ...
func model(x float64) []gorgonia.ValueGrad {
	values := func() []gorgonia.Value {
		return []gorgonia.Value{tensor.New(tensor.WithShape(2, 3), tensor.Of(tensor.Float32)),
			tensor.New(tensor.WithShape(20_000), tensor.Of(tensor.Float64)), gorgonia.NewF32(0)}
	}
	var vs []gorgonia.ValueGrad
	weights := values()
	for i, g := range values() {
		n := 0.0
		bindtest.Each(g, func(e *float64) { n++; *e = n * x })
		vs = append(vs, param{weights[i], g})
	}
	return vs
}

// TestSum: Add sums losses and gradients, in memory of the Sum and in memory of Alloc, and zeroes
// the gradients of the batches.
func TestSum(t *testing.T) {
	for _, given := range []bool{false, true} {
		var s batch.Sum
		var x []float32
		var y []float64
		if given {
			s.Alloc = func(n32, n64 int) ([]float32, []float64, error) {
				x, y = make([]float32, n32), make([]float64, n64)
				return x, y, nil
			}
		}
		add := func(loss gorgonia.Value, by float64, fresh bool) []gorgonia.ValueGrad {
			m := model(by)
			if err := s.Add(number{loss}, m, fresh); err != nil {
				t.Fatal(err)
			}
			for _, v := range m {
				if g, _ := v.Grad(); slices.Max(bindtest.Numbers(g)) != 0 {
					t.Error("the gradients of the batch are not zeroed")
				}
			}
			return m
		}
		check := func(loss float64, n int, narrow bool, by float64, first []gorgonia.ValueGrad) {
			t.Helper()
			if s.Loss != loss || s.N != n || s.Narrow != narrow {
				t.Errorf("loss %v of %d, narrow %v, want %v of %d, %v", s.Loss, s.N, s.Narrow, loss,
					n, narrow)
			}
			for i, p := range s.Params() {
				g, _ := p.Grad()
				for k, e := range bindtest.Numbers(g) {
					if e != float64(k+1)*by {
						t.Fatalf("tensor %d, element %d: %v, want %v", i, k, e, float64(k+1)*by)
					}
				}
				if p.ValueGrad != first[i] {
					t.Errorf("tensor %d is not the first batch's tensor", i)
				}
			}
		}
		first := add(gorgonia.NewF64(1), 1, false)
		check(1, 1, false, 1, first)
		add(gorgonia.NewF32(2), 2, false)
		check(3, 2, true, 3, first)
		second := add(gorgonia.NewF64(5), 4, true)
		check(5, 1, false, 4, second)
		if given && (len(x) != 7 || len(y) != 20_000 || x[6] != 4 || y[19_999] != 80_000) {
			t.Errorf("%d and %d elements in the memory that was given", len(x), len(y))
		}
		if s.Clear(); s.N != 0 || s.Loss != 0 {
			t.Errorf("after Clear: %d batches", s.N)
		}
		check(0, 0, false, 4, second) // whose gradients stay
	}
}

// TestSumErrors: an error leaves the sum unchanged.
func TestSumErrors(t *testing.T) {
	var s batch.Sum
	cause := errors.New("no memory")
	s.Alloc = func(int, int) ([]float32, []float64, error) { return nil, nil, cause }
	if err := s.Add(number{gorgonia.NewF64(1)}, model(1), false); !errors.Is(err, cause) {
		t.Errorf("error %v, want %v", err, cause)
	}
	s.Alloc = nil
	if err := s.Add(number{gorgonia.NewF64(1)}, model(1), false); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"loss":  s.Add(number{gorgonia.NewI(1)}, model(1), true),
		"model": s.Add(number{gorgonia.NewF64(1)}, model(1)[:2], true),
	} {
		if err == nil || s.N != 1 || s.Loss != 1 {
			t.Errorf("%s: error %v, loss %v of %d", name, err, s.Loss, s.N)
		}
	}
}
