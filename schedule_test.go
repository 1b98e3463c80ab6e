package l4_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
)

// TestSchedules checks schedules of the decay and of the cap, and parameters that do not decay.
func TestSchedules(t *testing.T) {
	for _, dt := range dtypes {
		w, bias := newParam(
			"w",
			dt,
			[]int{2, 1},
			[]float64{1, 2},
		), newParam(
			"bias",
			dt,
			[]int{2},
			[]float64{3, 4},
		)
		rates := []float64{}
		s := l4.NewL4Mom(
			valuer{gorgonia.NewF64(1)},
			l4.WithoutBound(),
			l4.WithWeightDecaySchedule(
				func(step int) float64 { return []float64{0.5, 0, 0.25}[step-1] },
			),
			l4.WithMaxLearnRateSchedule(
				func(step int) float64 { return math.Pow(10, float64(-step-9)) },
			),
			l4.WithWeightDecayOf(
				func(name string, shape []int) bool { return len(shape) > 1 && name == "w" },
			),
			l4.WithRecorder(func(i l4.Info) { rates = append(rates, i.LearnRate) }),
		)
		for range 3 {
			w.setGrad([]float64{1, 1})
			bias.setGrad([]float64{1, 1})
			if err := s.Step(valueGrads([]*param{w, bias})); err != nil {
				t.Fatal(err)
			}
		}
		wantClose(t, weightsOf([]*param{w, bias}), []float64{0.375, 0.75, 3, 4}, 1e-6)
		wantEqual(t, rates, []float64{math.Pow(10, -10), math.Pow(10, -11), math.Pow(10, -12)})
	}
	bad := l4.NewL4Adam(
		valuer{gorgonia.NewF64(1)},
		l4.WithMaxLearnRateSchedule(func(step int) float64 { return float64(2 - step) }),
	)
	p := newParam("w", tensor.Float64, []int{2}, []float64{1, 2})
	p.setGrad([]float64{1, 1})
	if err := bad.Step(valueGrads([]*param{p})); err != nil {
		t.Fatal(err)
	}
	before := numbers(p.w)
	p.setGrad([]float64{1, 1})
	if err := bad.Step(valueGrads([]*param{p})); err == nil ||
		!strings.Contains(err.Error(), "WithMaxLearnRateSchedule: 0 in step 2") {
		t.Errorf("error %v", err)
	}
	wantEqual(t, numbers(p.w), before)
	for name, opt := range map[string]l4.Option{
		"WithMaxLearnRateSchedule": l4.WithMaxLearnRateSchedule(nil),
		"WithWeightDecaySchedule":  l4.WithWeightDecaySchedule(nil),
		"WithWeightDecayOf":        l4.WithWeightDecayOf(nil),
	} {
		if err := l4.NewL4Adam(valuer{}, opt).Step(nil); err == nil ||
			!strings.Contains(err.Error(), fmt.Sprintf("l4: %s: the function is nil", name)) {
			t.Errorf("%s(nil): error %v", name, err)
		}
	}
}
