package l4_test

import (
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
)

type panics struct {
	*param
	on bool
}

func (p *panics) Grad() (gorgonia.Value, error) {
	if p.on {
		panic("as told")
	}
	return p.param.Grad()
}

// TestPanicOfParameter: after a panic of a parameter that moved, which the program recovers from,
// the next step is that of the new memory.
func TestPanicOfParameter(t *testing.T) {
	p := &panics{param: newParam("w", tensor.Float64, []int{2}, []float64{1, 2})}
	s := l4.NewL4Mom(valuer{gorgonia.NewF64(1)})
	step := func() (err error) {
		defer func() { _ = recover() }()
		p.setGrad([]float64{1, 1})
		return s.Step([]gorgonia.ValueGrad{p})
	}
	if err := step(); err != nil {
		t.Fatal(err)
	}
	p.param.w = newParam("w", tensor.Float64, []int{2}, []float64{5, 6}).w
	p.on = true
	_ = step()
	p.on = false
	if err := step(); err != nil {
		t.Fatal(err)
	}
	if w := numbers(p.w); w[0] == 5 {
		t.Errorf("the new weights have not moved: %v", w)
	}
}
