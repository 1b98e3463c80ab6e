package baseline

import (
	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// model is a list of parameters as one vector.
type model struct {
	params []param
	len    int // number of elements of all parameters
}

// param is one parameter's memory, in float32 or in float64.
type param struct {
	w32, g32 []float32
	w64, g64 []float64
}

// bind takes up the memory of the parameters. It returns an error if one is no dense row-major
// tensor of float32 or float64, or if the number of elements is not that of the first call.
func (m *model) bind(params []gorgonia.ValueGrad) error {
	m.params = m.params[:0]
	n := 0
	for i, v := range params {
		grad, err := v.Grad()
		if err != nil {
			return errors.Wrapf(err, "baseline: the gradient of parameter #%d", i)
		}
		var p param
		switch w := data(v.Value()).(type) {
		case []float32:
			p.w32 = w
			p.g32, _ = data(grad).([]float32)
		case []float64:
			p.w64 = w
			p.g64, _ = data(grad).([]float64)
		default:
			return errors.Errorf("baseline: parameter #%d is a %T: "+
				"want a dense row-major tensor of float32 or float64", i, v.Value())
		}
		if len(p.g32) != len(p.w32) || len(p.g64) != len(p.w64) {
			return errors.Errorf("baseline: parameter #%d: "+
				"want a gradient of the weights' dtype, layout and size", i)
		}
		m.params = append(m.params, p)
		n += len(p.w32) + len(p.w64)
	}
	if n == 0 || m.len != 0 && n != m.len {
		return errors.Errorf("baseline: the model has %d elements, %d in the first step: "+
			"want at least one, and as many in each step", n, m.len)
	}
	m.len = n
	return nil
}

// data returns the elements of a dense row-major tensor as a slice, otherwise nil.
func data(v gorgonia.Value) any {
	t, ok := v.(*tensor.Dense)
	if !ok || t.RequiresIterator() || t.DataOrder().IsColMajor() {
		return nil
	}
	return t.Data()
}

func (m *model) readWeights(to []float64) {
	for _, p := range m.params {
		to = to[widen(to, p.w32):]
		to = to[copy(to, p.w64):]
	}
}

func (m *model) readGrads(to []float64) {
	for _, p := range m.params {
		to = to[widen(to, p.g32):]
		to = to[copy(to, p.g64):]
	}
}

func (m *model) writeWeights(from []float64) {
	for _, p := range m.params {
		for i := range p.w32 {
			p.w32[i] = float32(from[i])
		}
		from = from[len(p.w32):]
		from = from[copy(p.w64, from):]
	}
}

func (m *model) zeroGrads() {
	for _, p := range m.params {
		clear(p.g32)
		clear(p.g64)
	}
}

// widen is copy to another dtype.
func widen(to []float64, from []float32) int {
	for i, x := range from {
		to[i] = float64(x)
	}
	return len(from)
}
