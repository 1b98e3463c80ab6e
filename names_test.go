package l4_test

import (
	"math"
	"strings"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
)

// unnamedGraph has the loss Σx·w² + Σv², whose weights have no names.
func unnamedGraph() (loss *gorgonia.Node, weights gorgonia.Nodes) {
	g := gorgonia.NewGraph()
	for _, rows := range []int{2, 3} {
		w := gorgonia.NewMatrix(g, tensor.Float64, gorgonia.WithShape(rows, 4),
			gorgonia.WithValue(newParam("", tensor.Float64, []int{rows, 4}, ramp(rows*4, 1)).w))
		sum := gorgonia.Must(gorgonia.Sum(gorgonia.Must(gorgonia.Square(w))))
		if weights = append(weights, w); loss == nil {
			loss = sum
		} else {
			loss = gorgonia.Must(gorgonia.Add(loss, sum))
		}
	}
	return loss, weights
}

// TestWeightsWithoutNames: an error names a weight without a name by its position and shape,
// whether it is a node, which calls itself "%!s(<nil>)()", or has an empty name or none.
func TestWeightsWithoutNames(t *testing.T) {
	type unnamed struct{ gorgonia.ValueGrad }
	kinds := map[string]func(v gorgonia.ValueGrad) gorgonia.ValueGrad{
		"node":    func(v gorgonia.ValueGrad) gorgonia.ValueGrad { return v },
		"no name": func(v gorgonia.ValueGrad) gorgonia.ValueGrad { return unnamed{v} },
		"empty name": func(v gorgonia.ValueGrad) gorgonia.ValueGrad {
			return &param{w: v.Value(), g: gradOf(v)}
		},
	}
	for kind, as := range kinds {
		model := func(spoil func(weight, grad []float64)) (*gorgonia.Node, []gorgonia.ValueGrad) {
			loss, weights := unnamedGraph()
			if err := tape(t, loss.Graph(), loss, weights,
				gorgonia.BindDualValues(weights...))(); err != nil {
				t.Fatal(err)
			}
			spoil(weights[1].Value().Data().([]float64), gradOf(weights[1]).Data().([]float64))
			return loss, []gorgonia.ValueGrad{as(weights[0]), as(weights[1])}
		}
		good := func(_, _ []float64) {}
		badGrad := func(_, grad []float64) { grad[5] = math.NaN() }
		badWeight := func(weight, _ []float64) { weight[5] = math.NaN() }
		for name, c := range map[string]struct {
			fail func() error
			want string
		}{
			"NaN": {func() error {
				loss, m := model(badGrad)
				return l4.NewL4Adam(loss).Step(m)
			}, "the gradient of weight 1, shape (3, 4) is NaN"},
			"NaN, Batches": {func() error {
				loss, m := model(badGrad)
				b := new(l4.Batches)
				if err := b.Add(loss, m); err != nil {
					t.Fatal(err)
				}
				return l4.NewL4Adam(b).Step(b.Model())
			}, "the gradient of weight 1, shape (3, 4) is NaN"},
			"NaN, Average": {func() error {
				_, m := model(badWeight)
				return l4.NewAverage(m).Update()
			}, "weight 1, shape (3, 4) is NaN"},
			"order": {func() error {
				loss, m := model(good)
				s := l4.NewL4Adam(loss)
				if err := s.Step(m); err != nil {
					t.Fatal(err)
				}
				return s.Step([]gorgonia.ValueGrad{m[1], m[0]})
			}, "weight 0, shape (3, 4): the weight has shape [3 4], " +
				"but in the first step it had [2 4]"},
			"order, Batches": {func() error {
				loss, m := model(good)
				b := new(l4.Batches)
				if err := b.Add(loss, m); err != nil {
					t.Fatal(err)
				}
				return b.Add(loss, []gorgonia.ValueGrad{m[1], m[0]})
			}, "weight 0, shape (3, 4): the weight has shape [3 4], " +
				"but in the first step it had [2 4]"},
			"shared memory": {func() error {
				loss, m := model(good)
				m[0] = &param{name: "other", w: cloneOf(m[1].Value()), g: m[1].Value()}
				return l4.NewL4Adam(loss).Step(m)
			}, "the gradient of other shares memory with weight 1, shape (3, 4)"},
		} {
			err := c.fail()
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s, %s: error %v, want one that says %q", kind, name, err, c.want)
			}
		}
	}
}

// TestNodesWithoutNames is TestWeightsWithoutNames for errors that are about nodes alone.
func TestNodesWithoutNames(t *testing.T) {
	evaluated := func() (*gorgonia.Node, []gorgonia.ValueGrad) {
		loss, weights := unnamedGraph()
		if err := tape(t, loss.Graph(), loss, weights)(); err != nil {
			t.Fatal(err)
		}
		return loss, gorgonia.NodesToValueGrads(weights)
	}
	_, weights := unnamedGraph()
	loss, model := evaluated()
	_, others := evaluated()
	for name, c := range map[string]struct {
		loss  gorgonia.Valuer
		model []gorgonia.ValueGrad
		want  string
	}{
		"another graph": {loss, others, "another graph than weight 0, shape (2, 4)"},
		"no gradient": {valuer{gorgonia.NewF64(1)}, gorgonia.NodesToValueGrads(weights),
			"l4: weight 0, shape (2, 4): gradient"},
		"twice": {loss, append(model[:1:1], model[0]),
			"weights 0 and 1 are the same node"},
		"scalar": {valuer{gorgonia.NewF64(1)},
			[]gorgonia.ValueGrad{&param{w: gorgonia.NewF64(1), g: gorgonia.NewF64(math.NaN())}},
			"weight 0, shape () is NaN"},
		"no value": {valuer{gorgonia.NewF64(1)}, []gorgonia.ValueGrad{&param{}},
			"l4: weight 0: no value"},
	} {
		err := l4.NewL4Adam(c.loss).Step(c.model)
		if err == nil || !strings.Contains(err.Error(), c.want) ||
			strings.Contains(err.Error(), "%!") {
			t.Errorf("%s: error %v, want one that says %q", name, err, c.want)
		}
	}
}

// TestModelChangedRemedy: whatever has changed, the error says what to do.
func TestModelChangedRemedy(t *testing.T) {
	a := func() *param { return newParam("a", tensor.Float64, []int{2}, ramp(2, 1)) }
	b := func() *param { return newParam("b", tensor.Float64, []int{2}, ramp(2, 2)) }
	for name, change := range map[string]func(m []*param) []*param{
		"fewer": func(m []*param) []*param { return m[:1] },
		"order": func(m []*param) []*param { return []*param{m[1], m[0]} },
		"memory": func(m []*param) []*param {
			return []*param{{name: "a", w: m[1].w, g: m[1].g}, {name: "b", w: m[0].w, g: m[0].g}}
		},
		"shape": func(m []*param) []*param {
			return []*param{m[0], newParam("b", tensor.Float64, []int{3}, ramp(3, 2))}
		},
		"dtype": func(m []*param) []*param {
			return []*param{m[0], newParam("b", tensor.Float32, []int{2}, ramp(2, 2))}
		},
	} {
		model, loss := []*param{a(), b()}, newBowl()
		s := l4.NewL4Adam(loss)
		stepTimes(t, s, loss, model, 1)
		err := s.Step(valueGrads(change(model)))
		if err == nil || !strings.Contains(err.Error(), "one solver for each set of weights") {
			t.Errorf("%s: the error does not say what to do: %v", name, err)
		}
	}
}

// TestStateOfWeightsWithoutNames: the saved state of weights without names loads.
func TestStateOfWeightsWithoutNames(t *testing.T) {
	loss, weights := unnamedGraph()
	run := tape(t, loss.Graph(), loss, weights, gorgonia.BindDualValues(weights...))
	step := func(s *l4.L4Adam) {
		t.Helper()
		if err := run(); err != nil {
			t.Fatal(err)
		}
		if err := s.Step(gorgonia.NodesToValueGrads(weights)); err != nil {
			t.Fatal(err)
		}
	}
	first, second := l4.NewL4Adam(loss), l4.NewL4Adam(loss)
	step(first)
	data, err := first.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	// Version 0.1.0 has saved the name that a node without one gives itself.
	if want := weights[0].Name(); !strings.Contains(string(data), want) {
		t.Errorf("the state does not contain the name %q", want)
	}
	if err := second.UnmarshalBinary(data); err != nil {
		t.Fatal(err)
	}
	step(second)
}
