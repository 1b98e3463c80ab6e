// Package flat presents the weights and gradients of a Gorgonia model as flat slices in row-major
// order, whatever their shape and layout, and walks over them on all cores. It knows nothing of
// solvers.
package flat

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"
	gt "gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/record"
)

// ErrChanged says that a model is not the one of the first step.
var ErrChanged = errors.New("l4: model changed")

// Model gives access to the memory of a model's weights and gradients. The zero Model belongs to
// the first model that is bound and committed.
type Model struct {
	// WeightsOnly leaves the gradients alone: passes are given none. It is set before the first
	// Bind.
	WeightsOnly bool

	tensors []tensor
	names   []string
	blocks  *blocks
	ranges  []extent // scratch of checkOverlaps
	moved   bool     // a tensor may lie elsewhere, or otherwise, than in the last commit
	copied  bool     // a tensor does not lie flat in memory
	fixed   bool     // it has been committed, or read from a record
}

// Bind takes up the memory of weights and gradients. It returns an error if they cannot be stepped,
// or are not those that have been committed. It writes to none of them.
func (m *Model) Bind(model []gorgonia.ValueGrad) error {
	if !m.fixed {
		if err := m.describe(model); err != nil {
			return err
		}
	} else if len(model) != len(m.tensors) {
		return changed("%d weights, in the first step %d", len(model), len(m.tensors))
	}
	moved := m.moved
	m.moved = true // until all are bound: a parameter may panic
	for i, v := range model {
		if isNil(v) {
			return errors.Errorf("l4: weight %d is nil", i)
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
		if m.blocks == nil { // not earlier, because a shape alone may claim any size
			m.blocks = newBlocks(m.tensors)
		}
		m.copied = false
		for _, t := range m.tensors {
			m.copied = t.gather() || m.copied
		}
		m.blocks.gather()
	}
	return nil
}

// Commit ends a step that has moved the weights and zeroed the gradients.
func (m *Model) Commit() {
	if m.copied {
		for _, t := range m.tensors {
			t.scatter()
		}
	}
	m.Keep()
}

// Keep makes Bind compare with the model that was bound, as Commit does, but writes nothing.
func (m *Model) Keep() {
	if m.moved {
		for _, t := range m.tensors {
			t.settle()
		}
	}
	m.moved, m.fixed = false, true
}

// Sum runs a pass and returns the sums of its results.
func (m *Model) Sum(p Pass) (x, y float64) { return m.blocks.sum(p) }

// Any reports whether a pass is not 0 for some part. It ends with the first.
func (m *Model) Any(p Pass) bool { return m.blocks.any(p) }

// Find returns the first element for which a pass is not 0, and its gradient, or its weight if
// there are no gradients. There must be one.
func (m *Model) Find(p Pass) (name string, at int, value float64) {
	tensor, at, value := m.blocks.find(p)
	return m.shown(tensor), at, value
}

// ZeroGrads zeroes the gradients where they lie.
func (m *Model) ZeroGrads() {
	for _, t := range m.tensors {
		t.zeroGrad()
	}
}

// Len is the number of tensors. Of each, Name, Shape, Size and Dtype are as in the first step; Size
// is its number of elements. Name tells the tensors apart and is saved; NameOf is for messages.
func (m *Model) Len() int             { return len(m.tensors) }
func (m *Model) Name(i int) string    { return m.names[i] }
func (m *Model) Shape(i int) []int    { return m.tensors[i].dims() }
func (m *Model) Size(i int) int       { return m.tensors[i].len() }
func (m *Model) Dtype(i int) gt.Dtype { return m.tensors[i].dtype() }

// shown is the name of a tensor in messages.
func (m *Model) shown(i int) string { return shownAs(m.names[i], i, m.Shape(i)) }

// describe sets up the model of the first step.
func (m *Model) describe(model []gorgonia.ValueGrad) error {
	if len(model) == 0 {
		return errors.New("l4: the model has no parameters; give Step the nodes of the weights")
	}
	tensors, names := make([]tensor, len(model)), make([]string, len(model))
	for i, v := range model {
		if isNil(v) {
			return errors.Errorf("l4: weight %d is nil", i)
		}
		names[i] = nameOf(i, v)
		w := v.Value()
		if isNil(w) {
			return errors.Errorf("l4: %s: no value", NameOf(i, v))
		}
		if tensors[i] = newTensor(w.Dtype(), i, w.Shape(), !m.WeightsOnly); tensors[i] == nil {
			return errors.Errorf("l4: %s: dtype %v, want float32 or float64", NameOf(i, v),
				w.Dtype())
		}
	}
	m.tensors, m.names, m.blocks = tensors, names, nil
	return nil
}

// checkOrder returns an error if a weight has moved to the place of another parameter. To move
// elsewhere is no error.
func (m *Model) checkOrder(model []gorgonia.ValueGrad) error {
	if !m.fixed {
		return nil
	}
	for i, t := range m.tensors {
		weight, _ := t.extents()
		if weight.from == t.home() {
			continue
		}
		if nameOf(i, model[i]) != m.names[i] {
			return changed("weight %d is %s, in the first step it was %s", i,
				NameOf(i, model[i]), m.shown(i))
		}
		for j, other := range m.tensors {
			if weight.from == other.home() {
				return changed("%s has the memory that %s had in the last step", m.shown(i),
					m.shown(j))
			}
		}
	}
	return nil
}

// checkOverlaps returns an error if memory that a step writes is used twice. Gradients may overlap:
// two parameters of a custom ValueGrad that share one gradient each see it whole.
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
			return errors.Errorf("l4: weights %d and %d are one node; Gorgonia makes one node "+
				"of inputs of equal name and shape: give each a name with gorgonia.WithName",
				a.param, b.param)
		}
		return errors.Errorf("l4: %s shares memory with %s; give one of them a copy",
			a.of(NameOf(a.param, first)), b.of(NameOf(b.param, second)))
	})
}

// Fields lists name, dtype and shape of each tensor, and calls tensor after each to add more.
func (m *Model) Fields(c *record.Codec, tensor func(i int)) {
	n := len(m.tensors)
	if !c.Reading() && !m.fixed {
		n = 0 // a model that failed its first step does not count
	}
	if count := c.Uint(4, uint64(n)); count > math.MaxInt {
		c.Fail("%d parameters", count)
	} else {
		n = int(count)
	}
	if c.Reading() {
		*m = Model{WeightsOnly: m.WeightsOnly, fixed: n > 0}
	}
	for i := 0; i < n && c.Err() == nil; i++ {
		var name string
		var shape []int
		dt := gt.Float32
		if !c.Reading() {
			name, dt, shape = m.names[i], m.Dtype(i), m.Shape(i)
		}
		name = c.String(name)
		dt = dtypeField(c, dt)
		shape = c.Shape(shape)
		if c.Err() != nil {
			break
		}
		if c.Reading() {
			m.tensors = append(m.tensors, newTensor(dt, i, shape, !m.WeightsOnly))
			m.names = append(m.names, name)
		}
		tensor(i)
	}
}

// dtypeField writes dt and returns it, or returns the dtype that it reads.
func dtypeField(c *record.Codec, dt gt.Dtype) gt.Dtype {
	code := uint64(1)
	if dt == gt.Float64 {
		code = 2
	}
	switch code = c.Uint(1, code); code {
	case 1:
		return gt.Float32
	case 2:
		return gt.Float64
	}
	c.Fail("%d is no dtype, want 1 for float32 or 2 for float64", code)
	return dt
}

func changed(format string, args ...any) error {
	const remedy = "; make one solver for each set of weights, and keep the weights in order"
	return fmt.Errorf("%w: "+format+remedy, append([]any{ErrChanged}, args...)...)
}

// unnamed is what a leaf of a graph without a name calls itself.
const unnamed = "%!s(<nil>)()"

// nameOf returns what tells a parameter from others: its own name if it has one, as in Gorgonia's
// solvers, otherwise its position.
func nameOf(i int, p gorgonia.ValueGrad) string {
	if named, ok := p.(gorgonia.Namer); ok && !isNil(p) {
		if name := named.Name(); name != "" {
			return name
		}
	}
	return positionPrefix + strconv.Itoa(i)
}

// positionPrefix and a number name a parameter without a name in saved states.
const positionPrefix = "parameter #"

// NameOf returns the name of a parameter in messages: its own name if it has one, otherwise its
// position and shape.
func NameOf(i int, p gorgonia.ValueGrad) string {
	var shape gt.Shape
	if !isNil(p) {
		if w := p.Value(); !isNil(w) {
			shape = w.Shape()
		}
	}
	return shownAs(nameOf(i, p), i, shape)
}

func shownAs(name string, i int, shape gt.Shape) string {
	position, isPosition := strings.CutPrefix(name, positionPrefix)
	switch {
	case name != unnamed && !(isPosition && position == strconv.Itoa(i)):
		return name
	case shape == nil:
		return fmt.Sprintf("weight %d", i)
	}
	return fmt.Sprintf("weight %d, shape %v", i, shape)
}

// isNil reports whether v is nil or holds a nil pointer.
func isNil(v any) bool {
	if v == nil {
		return true
	}
	r := reflect.ValueOf(v)
	return r.Kind() == reflect.Pointer && r.IsNil()
}
