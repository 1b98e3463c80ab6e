package l4_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
)

// TestAverageLoadWhileSwapped: loading while the model has its averaged weights is an error,
// because the trained weights, which the Average keeps meanwhile, would be lost.
func TestAverageLoadWhileSwapped(t *testing.T) {
	p := newParam("w", tensor.Float64, []int{2}, []float64{1, 2})
	average := l4.NewAverage(valueGrads([]*param{p}))
	update := func() {
		t.Helper()
		if err := average.Update(); err != nil {
			t.Fatal(err)
		}
	}
	update()
	data, err := average.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	p.setWeight([]float64{5, 6})
	update()
	if err := average.Swap(); err != nil {
		t.Fatal(err)
	}
	if average.UnmarshalBinary(data) == nil {
		t.Error("no error")
	}
	if err := average.Swap(); err != nil {
		t.Fatal(err)
	}
	wantEqual(t, numbers(p.w), []float64{5, 6})
}

// TestAverage compares the average with its definition, over a solver of Gorgonia's, through saving
// and loading.
func TestAverage(t *testing.T) {
	for _, dt := range dtypes {
		t.Run(fmt.Sprint(dt), func(t *testing.T) {
			loss, model := newBowl(), mixedModel(dt)
			solver, average := gorgonia.NewMomentum(
				gorgonia.WithLearnRate(0.01),
			), l4.NewAverage(
				valueGrads(model),
			)
			want := make([]float64, len(weightsOf(model)))
			narrow := map[int]bool{} // elements that are float32
			for i := range want {
				const vector = 9 // mixedModel's vector begins here and is float64
				narrow[i] = dt == tensor.Float32 && (i < vector || i >= vector+4)
			}
			for step := range 50 {
				loss.eval(model, 1)
				if err := solver.Step(valueGrads(model)); err != nil {
					t.Fatal(err)
				}
				if step == 20 {
					data, err := average.MarshalBinary()
					if err != nil {
						t.Fatal(err)
					}
					average = l4.NewAverage(valueGrads(model))
					if err := average.UnmarshalBinary(data); err != nil {
						t.Fatal(err)
					}
				}
				if err := average.Update(); err != nil {
					t.Fatal(err)
				}
				for i, w := range weightsOf(model) {
					if share := 9 / float64(step+1+8); narrow[i] {
						mean := float32(want[i])
						want[i] = float64(mean + float32(float32(share)*(float32(w)-mean)))
					} else {
						want[i] += float64(share * (w - want[i]))
					}
				}
			}
			trained := weightsOf(model)
			if err := average.Swap(); err != nil {
				t.Fatal(err)
			}
			wantEqual(t, weightsOf(model), want)
			if err := average.Update(); err == nil ||
				!strings.Contains(err.Error(), "Swap before Update") {
				t.Errorf("Update while swapped: error %v", err)
			}
			if _, err := average.MarshalBinary(); err == nil {
				t.Error("saving while swapped: no error")
			}
			if err := average.Swap(); err != nil {
				t.Fatal(err)
			}
			wantEqual(t, weightsOf(model), trained)
		})
	}
}

// TestAverageStaysFinite: the average of finite weights is finite, however large they are, and can
// be saved and loaded.
func TestAverageStaysFinite(t *testing.T) {
	for dt, largest := range map[tensor.Dtype]float64{tensor.Float32: math.MaxFloat32,
		tensor.Float64: math.MaxFloat64} {
		p := newParam("w", dt, []int{2}, []float64{0, 0})
		average := l4.NewAverage(valueGrads([]*param{p}))
		for i, w := range []float64{-1, 1, 1, -1, -0.9, 1, -1} {
			p.setWeight([]float64{w * largest, -w * largest})
			if err := average.Update(); err != nil {
				t.Fatal(err)
			}
			data, err := average.MarshalBinary()
			if err != nil {
				t.Fatal(err)
			}
			if err := average.UnmarshalBinary(data); err != nil {
				t.Fatalf("%v, update %d: %v", dt, i+1, err)
			}
		}
		want := 0.0
		for i, w := range []float64{-1, 1, 1, -1, -0.9, 1, -1} {
			want += 9 / float64(i+1+8) * (w - want)
		}
		if err := average.Swap(); err != nil {
			t.Fatal(err)
		}
		wantClose(t, scaled(numbers(p.w), 1/largest), []float64{want, -want}, 1e-6)
	}
}

// TestAverageErrors: a mistake is an error that says what to do, and changes nothing.
func TestAverageErrors(t *testing.T) {
	model := mixedModel(tensor.Float64)
	if err := l4.NewAverage(valueGrads(model)).Swap(); err == nil ||
		!strings.Contains(err.Error(), "call Update") {
		t.Errorf("Swap without Update: error %v", err)
	}
	if err := new(l4.Average).Update(); err == nil || !strings.Contains(err.Error(), "NewAverage") {
		t.Errorf("zero Average: error %v", err)
	}
	if err := l4.NewAverage(nil).Update(); err == nil ||
		!strings.Contains(err.Error(), "no parameters") {
		t.Errorf("no parameters: error %v", err)
	}
	average := l4.NewAverage(valueGrads(model))
	if err := average.Update(); err != nil {
		t.Fatal(err)
	}
	before, err := average.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	weights := numbers(model[1].w)
	for what, spoil := range map[string]func(){
		"not finite: vector is NaN at element 2: find": func() {
			weights[2] = math.NaN()
			model[1].setWeight(weights)
		},
		"not finite: vector is +Inf at element 1: find": func() {
			model[1].setWeight([]float64{1, math.Inf(1), 1, 1})
		},
		"model changed: vector": func() {
			model[1].w = gorgonia.NewF64(1)
		},
	} {
		kept := model[1].w
		spoil()
		if err := average.Update(); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("error %v, want %q", err, what)
		}
		model[1].w = kept
		model[1].setWeight(ramp(4, 2))
		if after, err := average.MarshalBinary(); err != nil || string(after) != string(before) {
			t.Errorf("%s: the average has changed (%v)", what, err)
		}
	}
	for i := range before {
		changed := append([]byte{}, before...)
		changed[i] ^= 0x10
		if average.UnmarshalBinary(changed) == nil || average.UnmarshalBinary(before[:i]) == nil {
			t.Fatalf("byte %d changed or missing: no error", i)
		}
	}
	other := l4.NewAverage(valueGrads(mixedModel(tensor.Float32)))
	if err := other.UnmarshalBinary(before); err != nil {
		t.Fatal(err)
	}
	if err := other.Update(); !errors.Is(err, l4.ErrModelChanged) {
		t.Errorf("loaded for another model: error %v", err)
	}
}

// TestAverageDoesNotAllocate: from the second update on.
func TestAverageDoesNotAllocate(t *testing.T) {
	average := l4.NewAverage(
		valueGrads([]*param{newParam("w", tensor.Float32, []int{1000}, ramp(1000, 1))}),
	)
	update := func() {
		if err := average.Update(); err != nil {
			t.Fatal(err)
		}
	}
	update()
	if allocs := testing.AllocsPerRun(20, update); allocs != 0 {
		t.Errorf("%v allocations an update", allocs)
	}
}

// TestAverageWithoutGradients: gradients are not asked for, before a state is loaded and after.
func TestAverageWithoutGradients(t *testing.T) {
	p := newParam("w", tensor.Float64, []int{2}, []float64{1, 2})
	p.g, p.err = nil, errors.New("none")
	average := l4.NewAverage([]gorgonia.ValueGrad{p})
	if err := average.Update(); err != nil {
		t.Fatal(err)
	}
	data, err := average.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	if err := average.UnmarshalBinary(data); err != nil {
		t.Fatal(err)
	}
	if err := average.Update(); err != nil {
		t.Error(err)
	}
}

// TestAverageLoadImpossible: updates without parameters, and parameters without an update, are
// refused under a right checksum.
func TestAverageLoadImpossible(t *testing.T) {
	model := valueGrads(mixedModel(tensor.Float32))
	fresh, updated := l4.NewAverage(model), l4.NewAverage(model)
	if err := updated.Update(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		average *l4.Average
		updates uint64
		ok      bool
	}{{fresh, 0, true}, {fresh, 5, false}, {updated, 5, true}, {updated, 0, false}} {
		data, err := c.average.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		const updates = 9 + 2 // where their number stands
		binary.LittleEndian.PutUint64(data[updates:], c.updates)
		err = l4.NewAverage(model).UnmarshalBinary(withChecksum(data))
		if (err == nil) != c.ok || err != nil && !strings.Contains(err.Error(), "updates and") {
			t.Errorf("%d updates: error %v", c.updates, err)
		}
	}
}
