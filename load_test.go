package l4_test

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
)

// TestLoadRejects: a state that does not fit is an error that says why and leaves the solver as it
// was.
func TestLoadRejects(t *testing.T) {
	data := savedState(t)
	if err := l4.NewL4Mom(newBowl()).UnmarshalBinary(data); err == nil ||
		!strings.Contains(err.Error(), "saved by an L4Adam") {
		t.Errorf("into L4Mom: %v", err)
	}
	for name, opt := range map[string]l4.Option{
		"WithFraction":      l4.WithFraction(0.2),
		"WithMinLossFactor": l4.WithMinLossFactor(0.8),
		"WithInitFactor":    l4.WithInitFactor(0.7),
		"WithForgetTime":    l4.WithForgetTime(10),
		"WithEpsilon":       l4.WithEpsilon(0),
		"WithMomentumTime":  l4.WithMomentumTime(5),
		"WithGradientTime":  l4.WithGradientTime(5),
		"WithVarianceTime":  l4.WithVarianceTime(5),
		"WithAdamEpsilon":   l4.WithAdamEpsilon(1),
		"WithClip":          l4.WithClip(1),
		"WithClipNorm":      l4.WithClipNorm(1),
		"WithL1Reg":         l4.WithL1Reg(1),
		"WithL2Reg":         l4.WithL2Reg(1),
		"WithWeightDecay":   l4.WithWeightDecay(0.1),
		"WithLossFloor":     l4.WithLossFloor(-1),
		"WithMaxLearnRate":  l4.WithMaxLearnRate(1),
		"WithBound":         l4.WithoutBound(),
	} {
		if err := l4.NewL4Adam(newBowl(), opt).UnmarshalBinary(data); err == nil ||
			!strings.Contains(err.Error(), name) {
			t.Errorf("other %s: error %v", name, err)
		}
	}
	if err := l4.NewL4Adam(newBowl(), l4.WithFraction(-1)).UnmarshalBinary(data); err == nil {
		t.Error("into a solver with a bad option: no error")
	}

	// Bytes cut off, changed or added.
	loss, model := newBowl(), stateModel(tensor.Float32)
	s := l4.NewL4Adam(loss)
	stepTimes(t, s, loss, model, 2)
	before, _ := s.MarshalBinary()
	reject := func(what string, data []byte) {
		if s.UnmarshalBinary(data) == nil {
			t.Errorf("%s: no error", what)
		}
	}
	for i := range data {
		reject(fmt.Sprintf("first %d bytes", i), data[:i])
		changed := append([]byte{}, data...)
		changed[i] ^= 0x10
		reject(fmt.Sprintf("byte %d changed", i), changed)
	}
	reject("a byte more", append(append([]byte{}, data...), 0))
	if after, _ := s.MarshalBinary(); string(after) != string(before) {
		t.Error("a refused state has changed the solver")
	}
}

// TestLoadOtherVersion: a state in the format of another release is an error that says so.
func TestLoadOtherVersion(t *testing.T) {
	data := savedState(t)
	const version = len("L4solver")
	for _, v := range []uint16{1, 3} {
		binary.LittleEndian.PutUint16(data[version:], v)
		err := l4.NewL4Adam(newBowl()).UnmarshalBinary(withChecksum(data))
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("version %d, want 2", v)) {
			t.Errorf("version %d: %v", v, err)
		}
	}
}

// TestLoadOtherFloor: the state of a solver whose floor moves names the option if it is loaded into
// one with a given floor of the same number, and the other way round.
func TestLoadOtherFloor(t *testing.T) {
	loss, p := gorgonia.NewF64(0), newParam("w", tensor.Float64, []int{1}, []float64{1})
	for _, opts := range [][2][]l4.Option{{nil, {l4.WithLossFloor(0)}},
		{{l4.WithLossFloor(0)}, nil}} {
		s := l4.NewL4Mom(valuer{loss}, opts[0]...)
		stepOnce(t, s, loss, p, 1, 1)
		data, err := s.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		err = l4.NewL4Mom(valuer{loss}, opts[1]...).UnmarshalBinary(data)
		if err == nil || !strings.Contains(err.Error(), "WithLossFloor") {
			t.Errorf("error %v", err)
		}
	}
}

// TestLoadWithFewerSkips: a solver that may skip fewer steps than the saved one has skipped skips
// none.
func TestLoadWithFewerSkips(t *testing.T) {
	loss, model := newBowl(), stateModel(tensor.Float32)
	first := l4.NewL4Adam(loss, l4.WithSkipNonFinite(3))
	stepTimes(t, first, loss, model, 1)
	*loss.F64 = gorgonia.F64(math.NaN())
	if err := first.Step(valueGrads(model)); err != nil {
		t.Fatal(err)
	}
	data, err := first.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	second := l4.NewL4Adam(loss)
	if err := second.UnmarshalBinary(data); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := second.Step(valueGrads(model)); !errors.Is(err, l4.ErrNonFinite) {
			t.Errorf("error %v", err)
		}
	}
}

// withChecksum makes the checksum right again.
func withChecksum(data []byte) []byte {
	body := data[:len(data)-4]
	return binary.LittleEndian.AppendUint32(
		append([]byte{}, body...),
		crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)),
	)
}

// TestLoadHostile: lengths that lie, under a right checksum, are refused without allocating what
// they ask for.
func TestLoadHostile(t *testing.T) {
	data := savedState(t)
	// The number of parameters stands here.
	const params = 8 + 2 + (8 + 6) + 17*8 + 13*8 + 8 + 18 + 8 + 41 + 8
	s := l4.NewL4Adam(newBowl())
	for at := params; at+8 <= len(data)-4; at++ {
		for _, x := range []uint64{1<<64 - 1, 1 << 62, 1 << 40, 1 << 31} {
			hostile := append([]byte{}, data...)
			binary.LittleEndian.PutUint64(hostile[at:], x)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			s.UnmarshalBinary(
				withChecksum(hostile),
			) // moments may be anything, so that some of these load
			runtime.ReadMemStats(&after)
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<20 {
				t.Fatalf("%#x at byte %d: %d bytes allocated", x, at, grown)
			}
			if at > params+120 {
				break // in the midst of the moments one number is enough
			}
		}
	}
}

// TestLoadImpossible: numbers that no solver can have come to are refused, under a right checksum.
func TestLoadImpossible(t *testing.T) {
	const (
		// Step, loss, Lmin, rate, gᵀv, length, limit, reach, path, floor, skipped, refused and
		// penalty.
		info   = 8 + 2 + (8 + 6) + 17*8
		inARow = info + 13*8
		floor  = inARow + 8 // value, whether there was a loss, whether it has moved, largest loss
		lmin   = floor + 18
		kept   = lmin + 8   // of clipping
		bound  = kept + 8   // steps, reach, path, whether it has bent, average and best loss
		move   = bound + 41 // distance from the start
		count  = move + 8   // number of parameters
		mean   = count + 4 + (8 + 6) + 1 + (4 + 2*8)
		square = mean + 12*8

		most uint64 = min(1<<62, math.MaxInt)
	)
	loss, model := newBowl(), stateModel(tensor.Float64)
	s := l4.NewL4Adam(loss, l4.WithClip(1))
	stepTimes(t, s, loss, model, 3)
	data, err := s.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	bits := math.Float64bits
	nan, inf, minusInf := bits(math.NaN()), bits(math.Inf(1)), bits(math.Inf(-1))
	for name, c := range map[string]struct {
		at   int
		bad  []uint64
		good uint64
	}{
		"steps without an end": {info, []uint64{most + 1, 1 << 63, 0}, most},
		"loss":                 {info + 8, []uint64{nan, inf, minusInf}, bits(-1)},
		"last Lmin":            {info + 16, []uint64{nan, inf, bits(-1e-9)}, bits(1)},
		"rate":                 {info + 24, []uint64{nan, inf, minusInf}, bits(-1)},
		"length":               {info + 40, []uint64{nan, bits(-1)}, bits(1)},
		"last path":            {info + 64, []uint64{nan, bits(-1)}, bits(1)},
		"last floor":           {info + 72, []uint64{nan, minusInf}, bits(-1)},
		"skipped":              {info + 80, []uint64{1 << 63}, 5},
		"refused":              {info + 88, []uint64{1 << 63}, 5},
		"penalty":              {info + 96, []uint64{nan, inf, bits(-1)}, bits(1)},
		"skipped in a row":     {inARow, []uint64{1 << 63}, 5},
		"Lmin":                 {lmin, []uint64{nan, inf, minusInf, bits(-1e-9)}, bits(1)},
		"average of clipping":  {kept, []uint64{nan, inf, bits(1.1), bits(-1e-9)}, bits(0.5)},
		"floor":                {floor, []uint64{nan, minusInf}, bits(-1)},
		"largest loss":         {floor + 10, []uint64{nan, inf}, bits(-1)},
		"steps of the bound":   {bound, []uint64{1 << 63, 0}, 5},
		"reach":                {bound + 8, []uint64{nan, inf, bits(-1)}, bits(1)},
		"path":                 {bound + 16, []uint64{nan, inf, bits(-1)}, bits(1)},
		"average loss":         {bound + 25, []uint64{nan, inf, bits(-1)}, bits(1)},
		"best average loss":    {bound + 33, []uint64{nan, inf, bits(-1)}, bits(1)},
		"momentum":             {mean, []uint64{nan, inf, minusInf}, bits(-1)},
		"square":               {square, []uint64{nan, inf, bits(-1e-9)}, bits(1)},
	} {
		load := func(x uint64) error {
			changed := slices.Clone(data)
			binary.LittleEndian.PutUint64(changed[c.at:], x)
			return l4.NewL4Adam(loss, l4.WithClip(1)).UnmarshalBinary(withChecksum(changed))
		}
		for _, x := range c.bad {
			if load(x) == nil {
				t.Errorf("%s: %#x (%v) was accepted", name, x, math.Float64frombits(x))
			}
		}
		if err := load(c.good); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := s.UnmarshalBinary(withChecksum(append(slices.Clone(data[:len(data)-4]), 0, 0, 0, 0,
		0))); err == nil {
		t.Error("a byte more under a right checksum was accepted")
	}
}

// TestLargestNumbers: what a solver remembers stays finite, so that its state can be loaded.
func TestLargestNumbers(t *testing.T) {
	for name, c := range map[string]struct {
		loss, grad float64
		steps      int
		opt        l4.Option
	}{
		"infinite rate":        {1e300, 1e-160, 1, l4.WithEpsilon(0)},
		"infinite path, reach": {1e308, 1, 1000, l4.WithEpsilon(0)},
		"Lmin":                 {math.MaxFloat64, 1, 1, l4.WithInitFactor(1)},
	} {
		loss, p := gorgonia.NewF64(0), newParam("w", tensor.Float64, []int{1}, []float64{1})
		newSolver := func() *l4.L4Mom {
			return l4.NewL4Mom(valuer{loss}, l4.WithMomentumTime(1), c.opt)
		}
		s := newSolver()
		for range c.steps {
			if info := stepOnce(t, s, loss, p, c.loss, c.grad); !(info.Length <= info.Limit) {
				t.Fatalf("%s: %+v", name, info)
			}
		}
		data, err := s.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		if err := newSolver().UnmarshalBinary(data); err != nil {
			t.Errorf("%s: %+v: %v", name, s.Last(), err)
		}
	}
}

// TestLoadedModelMustFit: the parameters of the next step must be those of the saved state.
func TestLoadedModelMustFit(t *testing.T) {
	data := savedState(t)
	for name, change := range map[string]func(m []*param) []*param{
		"fewer": func(m []*param) []*param { return m[:2] },
		"shape": func(m []*param) []*param {
			m[0] = newParam("matrix", tensor.Float32, []int{4, 3}, ramp(12, 1))
			return m
		},
		"dtype":     func(m []*param) []*param { return stateModel(tensor.Float64) },
		"name":      func(m []*param) []*param { m[2].name = "other"; return m },
		"reordered": func(m []*param) []*param { m[0], m[2] = m[2], m[0]; return m },
	} {
		loss := newBowl()
		s := l4.NewL4Adam(loss)
		if err := s.UnmarshalBinary(data); err != nil {
			t.Fatal(err)
		}
		model := change(stateModel(tensor.Float32))
		loss.eval(model, 1)
		if err := s.Step(valueGrads(model)); !errors.Is(err, l4.ErrModelChanged) {
			t.Errorf("%s: error %v, want ErrModelChanged", name, err)
		}
		model = stateModel(tensor.Float32)
		loss.eval(model, 1)
		if err := s.Step(valueGrads(model)); err != nil {
			t.Errorf("%s: then the right model: %v", name, err)
		}
	}
}

// loadKinds are the solvers that damaged states are loaded into, with their options.
var loadKinds = map[string][]l4.Option{"L4Adam": nil, "L4": {l4.WithClip(1)}}

// checkLoad loads body with its checksum repaired: what is accepted is saved again as the same
// bytes, and a step from there is a step or an error.
func checkLoad(t *testing.T, body []byte) {
	t.Helper()
	for name, opts := range loadKinds {
		data := withChecksum(append(slices.Clone(body), 0, 0, 0, 0))
		loss, model := newBowl(), stateModel(tensor.Float32)
		s := solvers[name](loss, opts...)
		if s.UnmarshalBinary(data) != nil {
			continue
		}
		if again, err := s.MarshalBinary(); err != nil || string(again) != string(data) {
			t.Errorf("%s: accepted %d bytes, saved %d others (%v)",
				name, len(data), len(again), err)
		}
		loss.eval(model, 1)
		_ = s.Step(valueGrads(model))
	}
}

// savedStates are the bodies of states of every one of loadKinds, before and after a step.
func savedStates(tb testing.TB) [][]byte {
	var states [][]byte
	for name, opts := range loadKinds {
		loss, model := newBowl(), stateModel(tensor.Float32)
		s := solvers[name](loss, opts...)
		for range 2 {
			data, err := s.MarshalBinary()
			if err != nil {
				tb.Fatal(err)
			}
			states = append(states, data[:len(data)-4])
			loss.eval(model, 1)
			if err := s.Step(valueGrads(model)); err != nil {
				tb.Fatal(err)
			}
		}
	}
	return states
}

// TestNumbersReplaced: a state with any eight bytes replaced by a number at the edge of a range is
// refused, or it is that state.
func TestNumbersReplaced(t *testing.T) {
	numbers := []float64{
		0, math.Copysign(0, -1), 1, -1, math.SmallestNonzeroFloat64, math.MaxFloat64, math.Inf(1),
		math.Inf(-1), math.NaN(),
	}
	for _, body := range savedStates(t) {
		for at := 8; at+8 <= len(body); at++ {
			for _, x := range numbers {
				damaged := slices.Clone(body)
				binary.LittleEndian.PutUint64(damaged[at:], math.Float64bits(x))
				checkLoad(t, damaged)
			}
		}
	}
}

// FuzzUnmarshalBinary: no bytes make a solver panic or load what it does not save.
func FuzzUnmarshalBinary(f *testing.F) {
	data := savedState(f)
	f.Add(data[:len(data)-4])
	f.Add([]byte("L4solver"))
	for _, body := range savedStates(f) {
		f.Add(body)
	}
	f.Fuzz(checkLoad)
}
