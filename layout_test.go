package l4_test

import (
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
)

// TestLayouts shows that every shape and layout takes the steps that plain row-major tensors take.
func TestLayouts(t *testing.T) {
	dense := func(dt tensor.Dtype, shape ...int) *tensor.Dense {
		return tensor.New(tensor.WithShape(shape...), tensor.Of(dt))
	}
	slice := func(d *tensor.Dense, s ...tensor.Slice) *tensor.Dense {
		v, err := d.Slice(s...)
		if err != nil {
			panic(err)
		}
		return v.(*tensor.Dense)
	}
	transpose := func(d *tensor.Dense, axes ...int) *tensor.Dense {
		if err := d.T(axes...); err != nil {
			panic(err)
		}
		return d
	}
	fortran := func(dt tensor.Dtype, shape ...int) *tensor.Dense {
		return tensor.New(
			tensor.WithShape(shape...),
			tensor.AsFortran(backing(dt, make([]float64, tensor.Shape(shape).TotalSize()))),
		)
	}
	layouts := map[string]func(dt tensor.Dtype) gorgonia.Value{
		"scalar": func(dt tensor.Dtype) gorgonia.Value { return newScalar(dt) },
		"()": func(dt tensor.Dtype) gorgonia.Value {
			return tensor.New(tensor.Of(dt), tensor.WithShape())
		},
		"(1)":        func(dt tensor.Dtype) gorgonia.Value { return dense(dt, 1) },
		"(1,1)":      func(dt tensor.Dtype) gorgonia.Value { return dense(dt, 1, 1) },
		"vector":     func(dt tensor.Dtype) gorgonia.Value { return dense(dt, 13) },
		"column":     func(dt tensor.Dtype) gorgonia.Value { return dense(dt, 13, 1) },
		"row":        func(dt tensor.Dtype) gorgonia.Value { return dense(dt, 1, 13) },
		"matrix":     func(dt tensor.Dtype) gorgonia.Value { return dense(dt, 5, 7) },
		"3-D":        func(dt tensor.Dtype) gorgonia.Value { return dense(dt, 2, 3, 4) },
		"4-D":        func(dt tensor.Dtype) gorgonia.Value { return dense(dt, 2, 3, 2, 2) },
		"col-major":  func(dt tensor.Dtype) gorgonia.Value { return fortran(dt, 5, 7) },
		"col-major3": func(dt tensor.Dtype) gorgonia.Value { return fortran(dt, 2, 3, 4) },
		"transposed": func(dt tensor.Dtype) gorgonia.Value {
			return transpose(dense(dt, 5, 7))
		},
		"transposed4": func(dt tensor.Dtype) gorgonia.Value {
			return transpose(dense(dt, 2, 3, 4, 5), 3, 1, 0, 2)
		},
		"column of": func(dt tensor.Dtype) gorgonia.Value {
			return slice(dense(dt, 5, 7), nil, tensor.S(3))
		},
		"rows of": func(dt tensor.Dtype) gorgonia.Value {
			return slice(dense(dt, 5, 7), tensor.S(1, 4))
		},
		"block of": func(dt tensor.Dtype) gorgonia.Value {
			return slice(dense(dt, 5, 7), tensor.S(1, 4), tensor.S(2, 6))
		},
		"col-major row":    func(dt tensor.Dtype) gorgonia.Value { return fortran(dt, 1, 13) },
		"col-major column": func(dt tensor.Dtype) gorgonia.Value { return fortran(dt, 13, 1) },
		"col-major (1,1)":  func(dt tensor.Dtype) gorgonia.Value { return fortran(dt, 1, 1) },
		"block of 4-D": func(dt tensor.Dtype) gorgonia.Value {
			return slice(dense(dt, 4, 3, 5, 2), tensor.S(1, 3), nil, tensor.S(2, 4))
		},
	}
	for name, layout := range layouts {
		t.Run(name, func(t *testing.T) {
			everySolver(t, func(t *testing.T, newSolver newSolver, dt tensor.Dtype) {
				odd := &param{name: "odd", w: layout(dt), g: layout(dt)}
				n := len(numbers(odd.w))
				odd.setWeight(ramp(n, 5))
				plain := newParam("plain", dt, []int{n}, ramp(n, 5))
				rest := func() *param { return newParam("rest", dt, []int{3, 3}, ramp(9, 6)) }
				got := descend(t, newSolver, []*param{rest(), odd, rest()}, 20, 1)
				want := descend(t, newSolver, []*param{rest(), plain, rest()}, 20, 1)
				wantEqual(t, got, want)

				// The gradient of a weight may have another layout.
				odd.setWeight(ramp(n, 5))
				if shape := odd.w.Shape(); len(shape) > 0 {
					odd.g = tensor.New(tensor.WithShape(shape...), tensor.Of(dt))
				} else {
					odd.g = newScalar(dt)
				}
				wantEqual(t, descend(t, newSolver, []*param{rest(), odd, rest()}, 20, 1), want)
			})
		})
	}
}

// TestViewLeavesTheRest shows that a step on part of a tensor does not touch the rest of it.
func TestViewLeavesTheRest(t *testing.T) {
	all := tensor.New(tensor.WithShape(4, 4), tensor.WithBacking(ramp(16, 1)))
	grads := tensor.New(tensor.WithShape(4, 4), tensor.WithBacking(ramp(16, 2)))
	before := slices.Clone(all.Float64s())
	view := func(d *tensor.Dense, column int) *tensor.Dense {
		v, err := d.Slice(nil, tensor.S(column))
		if err != nil {
			t.Fatal(err)
		}
		return v.(*tensor.Dense)
	}
	// Two columns interleave in memory and are yet two parameters.
	model := []gorgonia.ValueGrad{
		&param{name: "a", w: view(all, 0), g: view(grads, 0)},
		&param{name: "b", w: view(all, 2), g: view(grads, 2)},
	}
	if err := l4.NewL4Adam(valuer{gorgonia.NewF64(1)}).Step(model); err != nil {
		t.Fatal(err)
	}
	for i, x := range all.Float64s() {
		column := i % 4
		if changed := x != before[i]; changed != (column == 0 || column == 2) {
			t.Errorf("element %d: changed %v", i, changed)
		}
		if zero := grads.Float64s()[i] == 0; zero != (column == 0 || column == 2) {
			t.Errorf("gradient %d: zeroed %v", i, zero)
		}
	}
}

// TestChangingLayouts: weights and gradients whose layouts change from step to step, in the same
// memory or in other, take the steps of flat tensors.
func TestChangingLayouts(t *testing.T) {
	const n, steps = 4, 40
	everySolver(t, func(t *testing.T, newSolver newSolver, dt tensor.Dtype) {
		for seed := range uint64(10) {
			r := rand.New(rand.NewPCG(seed, 11))
			// change returns v or another tensor of the same shape, in some layout.
			change := func(v gorgonia.Value) gorgonia.Value {
				d := v.(*tensor.Dense)
				switch r.IntN(6) {
				case 0:
					if err := d.T(); err != nil { // in place; its strides change
						t.Fatal(err)
					}
				case 1:
					return tensor.New(
						tensor.WithShape(n, n),
						tensor.AsFortran(backing(dt, make([]float64, n*n))),
					)
				case 2:
					return tensor.New(tensor.WithShape(n, n), tensor.Of(dt))
				case 3:
					whole := tensor.New(tensor.WithShape(n+1, n+1), tensor.Of(dt))
					part, err := whole.Slice(tensor.S(1, n+1), tensor.S(0, n))
					if err != nil {
						t.Fatal(err)
					}
					return part.(*tensor.Dense)
				}
				return d
			}
			odd, plain := newParam(
				"w",
				dt,
				[]int{n, n},
				ramp(n*n, seed),
			), newParam(
				"w",
				dt,
				[]int{n * n},
				ramp(n*n, seed),
			)
			loss := newBowl()
			oddSolver, plainSolver := newSolver(loss), newSolver(loss)
			for range steps {
				weights := numbers(odd.w)
				if w := change(odd.w); w != odd.w {
					setNumbers(w, weights)
					odd.w = w
				}
				odd.g = change(odd.g)
				plain.setWeight(numbers(odd.w)) // which a transposition has reordered
				loss.eval([]*param{plain}, 1)
				odd.setGrad(numbers(plain.g))
				for _, err := range []error{plainSolver.Step(valueGrads([]*param{plain})),
					oddSolver.Step(valueGrads([]*param{odd}))} {
					if err != nil {
						t.Fatal(err)
					}
				}
				wantEqual(t, numbers(odd.w), numbers(plain.w))
				wantEqual(t, numbers(odd.g), make([]float64, n*n))
			}
		}
	})
}

// TestGradientOfVectorAsRow: sizes of 1 do not tell the shape of a gradient from that of its
// weight.
func TestGradientOfVectorAsRow(t *testing.T) {
	for _, shape := range [][]int{{1, 3}, {3, 1}, {1, 3, 1}} {
		model := func(shape ...int) []*param {
			p := newParam("w", tensor.Float64, []int{3}, ramp(3, 1))
			p.g = newParam("", tensor.Float64, shape, make([]float64, 3)).g
			return []*param{p}
		}
		wantEqual(
			t,
			descend(t, solvers["L4Adam"], model(shape...), 5, 1),
			descend(t, solvers["L4Adam"], model(3), 5, 1),
		)
	}
}

// TestOverflowingStrides: a layout whose last element lies outside of memory is an error, however
// large its strides.
func TestOverflowingStrides(t *testing.T) {
	for _, strides := range [][]int{{math.MaxInt, 1}, {math.MaxInt / 2, math.MaxInt / 2},
		{math.MaxInt/2 + 1, math.MaxInt/2 + 1}, {4, 1}, {-1, 1}} {
		p := newParam("w", tensor.Float64, []int{3, 3}, ramp(9, 1))
		copy(p.w.(*tensor.Dense).Strides(), strides)
		err := l4.NewL4Adam(valuer{gorgonia.NewF64(1)}).Step(valueGrads([]*param{p}))
		if err == nil || !strings.Contains(err.Error(), "w: weight: shape") {
			t.Errorf("strides %v: error %v", strides, err)
		}
	}
}

// TestOverlappingElements: a tensor whose elements share memory cannot be stepped, and is rejected
// before anything of the size that its shape claims is allocated.
func TestOverlappingElements(t *testing.T) {
	for _, c := range []struct {
		shape   tensor.Shape
		strides []int
		ok      bool
	}{
		{tensor.Shape{3, 4}, []int{4, 1}, true},
		{tensor.Shape{3, 4}, []int{1, 3}, true},
		{tensor.Shape{2, 2}, []int{2, 3}, true}, // at 0, 3, 2 and 5
		{tensor.Shape{1, 4}, []int{0, 1}, true},
		{tensor.Shape{12}, []int{0}, false},
		{tensor.Shape{3, 4}, []int{0, 1}, false},
		{tensor.Shape{3, 4}, []int{2, 1}, false},
		{tensor.Shape{3, 3}, []int{1, 1}, false},
		{tensor.Shape{3, 3}, []int{2, 4}, false}, // at 4 twice
		{tensor.Shape{math.MaxInt32, math.MaxInt32}, []int{0, 0}, false},
		{tensor.Shape{math.MaxInt32}, []int{0}, false},
	} {
		p := newParam("w", tensor.Float64, []int{12}, ramp(12, 1))
		d := p.w.(*tensor.Dense)
		d.AP = tensor.MakeAP(c.shape, c.strides, d.DataOrder(), 0)
		if c.ok {
			p.g = tensor.New(tensor.WithShape(c.shape...), tensor.Of(tensor.Float64))
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := l4.NewL4Adam(valuer{gorgonia.NewF64(1)}).Step(valueGrads([]*param{p}))
		runtime.ReadMemStats(&after)
		if ok := err == nil; ok != c.ok || !ok && !strings.Contains(err.Error(), "own place") {
			t.Errorf("shape %v, strides %v: error %v", c.shape, c.strides, err)
		}
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<20 {
			t.Errorf("shape %v, strides %v: %d bytes allocated", c.shape, c.strides, grown)
		}
	}
}

// TestGradientAfterMistake: after a gradient of a layout that does not fit, the one before it is
// read in its own layout again.
func TestGradientAfterMistake(t *testing.T) {
	run := func(mistake bool) []float64 {
		loss, p := newBowl(), newParam("w", tensor.Float64, []int{3, 3}, ramp(9, 1))
		p.g = tensor.NewDense(tensor.Float64, tensor.Shape{3, 3}, tensor.AsFortran(nil))
		s, model, own := l4.NewL4Adam(loss), []*param{p}, p.g
		for step := range 4 {
			loss.eval(model, 1)
			if mistake && step == 2 {
				bad := newParam("", tensor.Float64, []int{3, 3}, ramp(9, 2)).g
				copy(bad.(*tensor.Dense).Strides(), []int{4, 1})
				p.g = bad
				if err := s.Step(valueGrads(model)); err == nil ||
					!strings.Contains(err.Error(), "w: gradient: shape") {
					t.Errorf("error %v", err)
				}
				p.g = own
			}
			if err := s.Step(valueGrads(model)); err != nil {
				t.Fatal(err)
			}
		}
		return weightsOf(model)
	}
	wantEqual(t, run(true), run(false))
}
