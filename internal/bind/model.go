// Package bind connects Gorgonia's weights and gradients to package flat. The tensors can have any
// shape and layout.
package bind

import (
	"fmt"
	"reflect"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"
	gt "gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/flat"
	"github.com/l4-go/l4/internal/record"
)

// ErrChanged reports that the model differs from the model of the first step.
var ErrChanged = errors.New("l4: model changed")

// Model is a flat.Model whose tensors are Gorgonia's values. After the first Commit or Remember it
// accepts only models with the same parameters.
type Model struct {
	flat.Model

	// WeightsOnly makes passes run without gradients. Set it before the first Bind.
	WeightsOnly bool

	tensors []tensor // nil until the first Bind
	ranges  []extent // scratch memory of checkOverlaps
	moved   bool     // the address or layout of a tensor may have changed since the last Commit
	copied  bool     // passes run on a copy of at least one tensor
	fixed   bool     // a Commit, a Remember or a record has set the parameters
}

// Bind binds the memory of the weights and gradients of a model. It returns an error if a step
// cannot use them, or if the model differs from the model of the last Commit or Remember. Bind does
// not write to weights or gradients.
func (m *Model) Bind(model []gorgonia.ValueGrad) error {
	if !m.fixed {
		if err := m.describe(model); err != nil {
			return err
		}
	} else if len(model) != m.Len() {
		return changed("the number of weights is %d, but in the first step it was %d",
			len(model), m.Len())
	}
	if m.tensors == nil {
		for i := range m.Len() {
			m.tensors = append(m.tensors, newTensor(m.Tensor(i), i, !m.WeightsOnly))
		}
	}
	moved := m.moved
	m.moved = true // in case a method of a parameter panics
	for i, v := range model {
		if IsNil(v) {
			return errors.Errorf("l4: weight %d is nil: pass the nodes of the weights", i)
		}
		elsewhere, other, err := m.tensors[i].bind(v)
		if err != nil && other && m.fixed {
			return changed("%s: %v", NameOf(i, v), err)
		}
		if err != nil {
			return errors.WithMessagef(err, "l4: %s", NameOf(i, v))
		}
		moved = moved || elsewhere
	}
	m.moved = moved
	if m.moved {
		if err := m.checkOrder(model); err != nil {
			return err
		}
		if err := m.checkOverlaps(model); err != nil {
			return err
		}
	}
	if m.moved || m.copied {
		m.copied = false
		for _, t := range m.tensors {
			m.copied = t.gather() || m.copied
			t.place(&m.Model)
		}
	}
	return nil
}

// Commit ends a step. Passes have updated the weights and zeroed the gradients; Commit does so in
// Gorgonia's memory if the passes ran on copies. Then it calls Remember.
func (m *Model) Commit() {
	if m.copied {
		for _, t := range m.tensors {
			t.scatter()
		}
	}
	m.Remember()
}

// Remember makes Bind compare later models with the bound model. It does not write to
// weights or gradients.
func (m *Model) Remember() {
	if m.moved {
		for _, t := range m.tensors {
			t.setHome()
		}
	}
	m.moved, m.fixed = false, true
}

// Find returns the first element for which a pass is not 0. Such an element must exist. name is the
// tensor's name in messages. value is the element's gradient, or its weight if WeightsOnly is true.
func (m *Model) Find(p flat.Pass) (name string, at int, value float64) {
	tensor, at, value := m.Model.Find(p)
	return m.shown(tensor), at, value
}

// ZeroGrads zeroes the gradients in Gorgonia's memory.
func (m *Model) ZeroGrads() {
	for _, t := range m.tensors {
		t.zeroGrad()
	}
}

// shown returns the name of a tensor in messages.
func (m *Model) shown(i int) string {
	t := m.Tensor(i)
	return shownAs(t.Name, i, t.Shape)
}

// describe sets names, dtypes and shapes from the model of the first step.
func (m *Model) describe(model []gorgonia.ValueGrad) error {
	if len(model) == 0 {
		return errors.New("l4: the model has no parameters: pass the nodes of the weights")
	}
	tensors := make([]flat.Tensor, len(model))
	for i, v := range model {
		if IsNil(v) {
			return errors.Errorf("l4: weight %d is nil: pass the nodes of the weights", i)
		}
		w := v.Value()
		if IsNil(w) {
			return errors.Errorf("l4: %s: no value: run the virtual machine before Step",
				NameOf(i, v))
		}
		tensors[i] = flat.Tensor{Name: nameOf(i, v), Shape: append([]int{}, w.Shape()...)}
		switch w.Dtype() {
		case gt.Float32:
			tensors[i].Dtype = flat.Float32
		case gt.Float64:
			tensors[i].Dtype = flat.Float64
		default:
			return errors.Errorf("l4: %s: dtype %v, want float32 or float64", NameOf(i, v),
				w.Dtype())
		}
	}
	m.Describe(tensors)
	m.tensors = nil
	return nil
}

// checkOrder returns an error if a weight has the memory that belonged to another parameter in the
// last step. Other new memory is not an error.
func (m *Model) checkOrder(model []gorgonia.ValueGrad) error {
	if !m.fixed {
		return nil
	}
	var homes map[uintptr]int // the parameter whose memory was at an address
	for i, t := range m.tensors {
		weight, _ := t.extents()
		if weight.from == t.home() {
			continue
		}
		if nameOf(i, model[i]) != m.Tensor(i).Name {
			return changed("weight %d is %s, but in the first step it was %s", i,
				NameOf(i, model[i]), m.shown(i))
		}
		if homes == nil {
			homes = make(map[uintptr]int, len(m.tensors))
			for j, other := range m.tensors {
				homes[other.home()] = j
			}
		}
		if j, ok := homes[weight.from]; ok {
			return changed("%s has the memory that %s had in the last step", m.shown(i),
				m.shown(j))
		}
	}
	return nil
}

// checkOverlaps returns an error if two tensors share memory that a step writes. Two gradients may
// share memory, because two custom ValueGrads may have one gradient. A step then uses a copy of the
// gradient for each of them.
func (m *Model) checkOverlaps(model []gorgonia.ValueGrad) error {
	m.ranges = m.ranges[:0]
	for i, t := range m.tensors {
		t.share(false)
		weight, grad := t.extents()
		weight.param, grad.param, grad.grad = i, i, true
		m.ranges = append(m.ranges, weight)
		if grad.to > grad.from {
			m.ranges = append(m.ranges, grad)
		}
	}
	return overlaps(m.ranges, func(a, b extent) error {
		if a.grad && b.grad {
			m.tensors[a.param].share(true)
			m.tensors[b.param].share(true)
			return nil
		}
		if a.param > b.param {
			a, b = b, a
		}
		first, second := model[a.param], model[b.param]
		if _, ok := first.(*gorgonia.Node); ok && first == second && a.param != b.param {
			return errors.Errorf("l4: weights %d and %d are the same node, because Gorgonia "+
				"merges inputs with equal names and shapes: name each with gorgonia.WithName",
				a.param, b.param)
		}
		return errors.Errorf("l4: %s shares memory with %s: copy one of them",
			a.of(NameOf(a.param, first)), b.of(NameOf(b.param, second)))
	})
}

// Fields lists the fields of the flat.Model. A model whose first step has failed is saved as empty.
func (m *Model) Fields(c *record.Codec, tensor func(i int)) {
	if c.Reading() {
		*m = Model{WeightsOnly: m.WeightsOnly, fixed: true}
	} else if !m.fixed {
		new(flat.Model).Fields(c, tensor)
		return
	}
	m.Model.Fields(c, tensor)
	m.fixed = m.Len() > 0
}

// changed returns an ErrChanged with details.
func changed(format string, args ...any) error {
	const remedy = ": create one solver for each set of weights, and do not change the order"
	return fmt.Errorf("%w: "+format+remedy, append([]any{ErrChanged}, args...)...)
}

// IsNil reports whether v is nil or holds a nil pointer or function.
func IsNil(v any) bool {
	if v == nil {
		return true
	}
	r := reflect.ValueOf(v)
	return (r.Kind() == reflect.Pointer || r.Kind() == reflect.Func) && r.IsNil()
}
