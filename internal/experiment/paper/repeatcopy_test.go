package paper

import (
	"slices"
	"strings"
	"testing"

	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/bind/bindtest"
)

// TestRepeatCopy: the loss of a step depends only on the seed and the number of the step, in any
// order. Another seed gives other weights and other sequences.
func TestRepeatCopy(t *testing.T) {
	for _, dt := range []tensor.Dtype{tensor.Float32, tensor.Float64} {
		newTask := func(seed uint64) *RepeatCopy {
			task, err := NewRepeatCopy(dt, 3, seed)
			return must(t, task, err)
		}
		losses := func(task *RepeatCopy, steps ...int) []float64 {
			var all []float64
			for _, step := range steps {
				loss, _, err := task.Run(step)
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, floats(loss.Value())...)
			}
			return all
		}
		first := losses(newTask(1), 0, 1, 2)
		again := losses(newTask(1), 2, 0, 1)
		if !slices.Equal(first, []float64{again[1], again[2], again[0]}) || first[0] == first[1] {
			t.Errorf("%v: losses %v, in another order of the steps %v", dt, first, again)
		}
		if other := losses(newTask(2), 0, 1, 2); other[0] == first[0] {
			t.Errorf("%v: losses %v for another seed", dt, other)
		}
	}
}

// TestRepeatCopyMetric: if the net outputs the end mark in every step, or nothing at all, all
// sequences are wrong.
func TestRepeatCopyMetric(t *testing.T) {
	for _, dt := range []tensor.Dtype{tensor.Float32, tensor.Float64} {
		made, err := NewRepeatCopy(dt, 2, 1)
		task := must(t, made, err)
		values := task.State()
		for _, v := range values {
			v.(*tensor.Dense).Zero()
		}
		biases := values[len(values)-1].(*tensor.Dense)
		bindtest.SetNumbers(biases, []float64{0, 0, 0, 0, 1})
		a, err := task.Metric()
		if err != nil || a != 0 {
			t.Errorf("%v: accuracy %v, %v", dt, a, err)
		}
		shown, err := task.Show()
		want := "answer   end end end end end\n"
		if err != nil || !strings.Contains(shown, want) {
			t.Errorf("%v: %q, %v, want %q in it", dt, shown, err, want)
		}

		biases.Zero()
		if a, err := task.Metric(); err != nil || a != 0 {
			t.Errorf("%v: accuracy %v, %v with empty outputs", dt, a, err)
		}
	}
}
