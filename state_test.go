package l4_test

import (
	"bytes"
	"encoding/binary"
	"flag"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
)

var writeState = flag.Bool(
	"write-state",
	false,
	"write testdata/state anew; for a new version of the format only",
)

// TestSaveAndLoad: training that is stopped, saved, loaded into a new solver and continued ends
// with the same bits as training without a stop.
func TestSaveAndLoad(t *testing.T) {
	everySolver(t, func(t *testing.T, newSolver newSolver, dt tensor.Dtype) {
		for _, opts := range [][]l4.Option{nil, {l4.WithFraction(0.25), l4.WithGradientTime(4)},
			{l4.WithClip(1)}} {
			for _, k := range []int{0, 1, 7} {
				loss, model := newBowl(), stateModel(dt)
				straight := newSolver(loss, opts...)
				stepTimes(t, straight, loss, model, 20)
				want := weightsOf(model)

				model = stateModel(dt)
				first := newSolver(loss, opts...)
				stepTimes(t, first, loss, model, k)
				data, err := first.MarshalBinary()
				if err != nil {
					t.Fatal(err)
				}
				second := newSolver(loss, opts...)
				if err := second.UnmarshalBinary(data); err != nil {
					t.Fatal(err)
				}
				if second.Last() != first.Last() {
					t.Errorf("Last is %+v after loading, %+v before", second.Last(), first.Last())
				}
				if again, err := second.MarshalBinary(); err != nil ||
					string(again) != string(data) {
					t.Errorf("saved again before a step, the state differs (%v)", err)
				}
				stepTimes(t, second, loss, model, 20-k)
				wantEqual(t, weightsOf(model), want)
				if second.Last() != straight.Last() {
					t.Errorf("Last is %+v, straight through %+v", second.Last(), straight.Last())
				}
			}
		}
	})
}

// savedState returns the state of an L4Adam after three steps on stateModel.
func savedState(t testing.TB) []byte {
	loss, model := newBowl(), stateModel(tensor.Float32)
	s := l4.NewL4Adam(loss)
	for range 3 {
		loss.eval(model, 1)
		if err := s.Step(valueGrads(model)); err != nil {
			t.Fatal(err)
		}
	}
	data, err := s.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestSaveAndLoadWithWeightNotFinite: if a weight with a zero gradient is not finite, the state
// still loads, and training continues to the bit.
func TestSaveAndLoadWithWeightNotFinite(t *testing.T) {
	for _, dt := range dtypes {
		for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
			train := func(resume bool) (float64, l4.Info) {
				loss, p := gorgonia.NewF64(0), newParam("w", dt, []int{2}, []float64{bad, 1})
				s := l4.NewL4Adam(valuer{loss})
				for range 6 {
					stepOnce(t, s, loss, p, 1, 0, 1)
					if !resume {
						continue
					}
					data, err := s.MarshalBinary()
					if err != nil {
						t.Fatal(err)
					}
					s = l4.NewL4Adam(valuer{loss})
					if err := s.UnmarshalBinary(data); err != nil {
						t.Fatalf("%v: %v", bad, err)
					}
				}
				return numbers(p.w)[1], s.Last()
			}
			want, wantInfo := train(false)
			if got, info := train(true); got != want || got == 1 || info != wantInfo {
				t.Errorf("%v: weight %v, %+v; never saved %v, %+v", bad, got, info, want, wantInfo)
			}
		}
	}
}

// TestLoadInfo: loading a state restores all fields of the last Info.
func TestLoadInfo(t *testing.T) {
	loss, model := newBowl(), stateModel(tensor.Float64)
	opts := []l4.Option{l4.WithSkipNonFinite(3), l4.WithL2Reg(0.1)}
	s := l4.NewL4Adam(loss, opts...)
	stepTimes(t, s, loss, model, 3)
	*loss.F64 = gorgonia.F64(math.NaN())
	if err := s.Step(valueGrads(model)); err != nil {
		t.Fatal(err)
	}
	data, err := s.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	loaded := l4.NewL4Adam(loss, opts...)
	if err := loaded.UnmarshalBinary(data); err != nil {
		t.Fatal(err)
	}
	if got, want := loaded.Last(), s.Last(); got != want || want.Skipped != 1 || want.Penalty == 0 {
		t.Errorf("loaded %+v, saved %+v", got, want)
	}
}

// TestLoadManyDimensions: a tensor can have more than 255 dimensions.
func TestLoadManyDimensions(t *testing.T) {
	shape := make([]int, 300)
	for i := range shape {
		shape[i] = 1
	}
	shape[7], shape[250] = 3, 2
	run := func(save bool) []float64 {
		loss, model := newBowl(), []*param{newParam("w", tensor.Float64, shape, ramp(6, 1))}
		s := l4.NewL4Adam(loss)
		stepTimes(t, s, loss, model, 3)
		if save {
			data, err := s.MarshalBinary()
			if err != nil {
				t.Fatal(err)
			}
			s = l4.NewL4Adam(loss)
			if err := s.UnmarshalBinary(data); err != nil {
				t.Fatal(err)
			}
		}
		stepTimes(t, s, loss, model, 3)
		return weightsOf(model)
	}
	wantEqual(t, run(true), run(false))
}

// TestLoadSavedFile: a file of an earlier build loads, and training continues from it as from a new
// state. The flag -write-state writes the files again after a change of the format.
func TestLoadSavedFile(t *testing.T) {
	opts := []l4.Option{l4.WithGradientTime(4), l4.WithClipNorm(20), l4.WithL2Reg(0.01)}
	everySolver(t, func(t *testing.T, newSolver newSolver, dt tensor.Dtype) {
		path := filepath.Join("testdata", "state", strings.ReplaceAll(t.Name(), "/", "-")+".bin")
		run := func(load bool) []float64 {
			loss, model := newBowl(), stateModel(dt)
			s := newSolver(loss, opts...)
			stepTimes(t, s, loss, model, 5)
			if *writeState {
				data, err := s.MarshalBinary()
				if err == nil {
					err = os.WriteFile(path, data, 0o644)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			if load {
				data, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				s = newSolver(loss, opts...)
				if err := s.UnmarshalBinary(data); err != nil {
					t.Fatal(err)
				}
			}
			stepTimes(t, s, loss, model, 5)
			return weightsOf(model)
		}
		tolerance := 1e-12 // another processor may compute the decay factors a little differently
		if dt == tensor.Float32 {
			tolerance = 1e-6
		}
		wantClose(t, run(true), run(false), tolerance)
	})
}

// TestOrderOfNumbers: a saved state begins with the hyperparameters in this order, which is part of
// the format.
func TestOrderOfNumbers(t *testing.T) {
	want := []float64{0.11, 0.12, 0.13, 0.14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 0.25, 26, 27}
	s := l4.NewL4Adam(nil, l4.WithBound(want[0]), l4.WithFraction(want[1]),
		l4.WithMinLossFactor(want[2]), l4.WithInitFactor(want[3]), l4.WithForgetTime(want[4]),
		l4.WithEpsilon(want[5]), l4.WithMomentumTime(want[6]), l4.WithGradientTime(want[7]),
		l4.WithVarianceTime(want[8]), l4.WithAdamEpsilon(want[9]), l4.WithClip(want[10]),
		l4.WithClipNorm(want[11]), l4.WithL1Reg(want[12]), l4.WithL2Reg(want[13]),
		l4.WithWeightDecay(want[14]), l4.WithLossFloor(want[15]), l4.WithMaxLearnRate(want[16]))
	data, err := s.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	rest, ok := bytes.CutPrefix(data, append(binary.LittleEndian.AppendUint64(
		[]byte("L4solver\x02\x00"), uint64(len("L4Adam"))), "L4Adam"...))
	if !ok {
		t.Fatalf("the state begins with %q", data[:24])
	}
	for i, x := range want {
		if got := math.Float64frombits(binary.LittleEndian.Uint64(rest[8*i:])); got != x {
			t.Errorf("number %d is %v, want %v", i, got, x)
		}
	}
}
