package bind_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/bind"
	"github.com/l4-go/l4/internal/bind/bindtest"
)

// TestLayouts shows that passes reach the elements of every shape and layout.
func TestLayouts(t *testing.T) {
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
		return tensor.NewDense(dt, tensor.Shape(shape), tensor.AsFortran(nil))
	}
	layouts := map[string]func(dt tensor.Dtype) gorgonia.Value{
		"scalar": func(dt tensor.Dtype) gorgonia.Value {
			if dt == tensor.Float32 {
				return gorgonia.NewF32(0)
			}
			return gorgonia.NewF64(0)
		},
		"()": func(dt tensor.Dtype) gorgonia.Value {
			return tensor.New(tensor.Of(dt), tensor.WithShape())
		},
		"(1)":        func(dt tensor.Dtype) gorgonia.Value { return of(dt, 1) },
		"(1,1)":      func(dt tensor.Dtype) gorgonia.Value { return of(dt, 1, 1) },
		"vector":     func(dt tensor.Dtype) gorgonia.Value { return of(dt, 13) },
		"column":     func(dt tensor.Dtype) gorgonia.Value { return of(dt, 13, 1) },
		"row":        func(dt tensor.Dtype) gorgonia.Value { return of(dt, 1, 13) },
		"matrix":     func(dt tensor.Dtype) gorgonia.Value { return of(dt, 5, 7) },
		"3-D":        func(dt tensor.Dtype) gorgonia.Value { return of(dt, 2, 3, 4) },
		"4-D":        func(dt tensor.Dtype) gorgonia.Value { return of(dt, 2, 3, 2, 2) },
		"col-major":  func(dt tensor.Dtype) gorgonia.Value { return fortran(dt, 5, 7) },
		"col-major3": func(dt tensor.Dtype) gorgonia.Value { return fortran(dt, 2, 3, 4) },
		"transposed": func(dt tensor.Dtype) gorgonia.Value {
			return transpose(of(dt, 5, 7))
		},
		"transposed4": func(dt tensor.Dtype) gorgonia.Value {
			return transpose(of(dt, 2, 3, 4, 5), 3, 1, 0, 2)
		},
		"column of": func(dt tensor.Dtype) gorgonia.Value {
			return slice(of(dt, 5, 7), nil, tensor.S(3))
		},
		"rows of": func(dt tensor.Dtype) gorgonia.Value {
			return slice(of(dt, 5, 7), tensor.S(1, 4))
		},
		"block of": func(dt tensor.Dtype) gorgonia.Value {
			return slice(of(dt, 5, 7), tensor.S(1, 4), tensor.S(2, 6))
		},
		"col-major row":    func(dt tensor.Dtype) gorgonia.Value { return fortran(dt, 1, 13) },
		"col-major column": func(dt tensor.Dtype) gorgonia.Value { return fortran(dt, 13, 1) },
		"col-major (1,1)":  func(dt tensor.Dtype) gorgonia.Value { return fortran(dt, 1, 1) },
		"block of 4-D": func(dt tensor.Dtype) gorgonia.Value {
			return slice(of(dt, 4, 3, 5, 2), tensor.S(1, 3), nil, tensor.S(2, 4))
		},
	}
	for name, layout := range layouts {
		for _, dt := range dtypes {
			t.Run(fmt.Sprintf("%s/%v", name, dt), func(t *testing.T) {
				odd := &param{name: "odd", w: layout(dt), g: layout(dt)}
				bindtest.SetNumbers(odd.w, ramp(odd.w, 5))
				before, after := newParam("before", dt, 6, 3, 3), newParam("after", dt, 7, 3, 3)
				m := new(bind.Model)
				for seed := range uint64(3) {
					bindtest.SetNumbers(odd.g, ramp(odd.g, seed))
					checkStep(t, m, before, odd, after)
				}
				// The gradient of a weight may have another layout.
				if shape := odd.w.Shape(); len(shape) > 0 {
					odd.g = of(dt, shape...)
					bindtest.SetNumbers(odd.g, ramp(odd.g, 8))
					checkStep(t, m, before, odd, after)
				}
			})
		}
	}
}

// TestViewLeavesTheRest shows that a step on part of a tensor does not touch the rest of it.
func TestViewLeavesTheRest(t *testing.T) {
	whole := newParam("", tensor.Float64, 1, 4, 4)
	before := bindtest.Numbers(whole.w)
	column := func(v gorgonia.Value, i int) gorgonia.Value {
		c, err := v.(*tensor.Dense).Slice(nil, tensor.S(i))
		if err != nil {
			t.Fatal(err)
		}
		return c.(*tensor.Dense)
	}
	// Two columns interleave in memory and are yet two parameters.
	checkStep(t, new(bind.Model),
		&param{name: "a", w: column(whole.w, 0), g: column(whole.g, 0)},
		&param{name: "b", w: column(whole.w, 2), g: column(whole.g, 2)})
	for i, x := range bindtest.Numbers(whole.w) {
		if changed := x != before[i]; changed && i%2 == 1 {
			t.Errorf("element %d has changed", i)
		}
		if zero := bindtest.Numbers(whole.g)[i] == 0; zero && i%2 == 1 {
			t.Errorf("gradient %d is 0", i)
		}
	}
}

// TestChangingLayouts: the layouts of weights and gradients may change from step to step, in the
// same memory or in other.
func TestChangingLayouts(t *testing.T) {
	const n, steps = 4, 40
	for _, dt := range dtypes {
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
					return tensor.NewDense(dt, tensor.Shape{n, n}, tensor.AsFortran(nil))
				case 2:
					return of(dt, n, n)
				case 3:
					part, err := of(dt, n+1, n+1).Slice(tensor.S(1, n+1), tensor.S(0, n))
					if err != nil {
						t.Fatal(err)
					}
					return part.(*tensor.Dense)
				}
				return d
			}
			p, m := newParam("w", dt, seed, n, n), new(bind.Model)
			for i := range uint64(steps) {
				weights := bindtest.Numbers(p.w)
				if w := change(p.w); w != p.w {
					bindtest.SetNumbers(w, weights)
					p.w = w
				}
				p.g = change(p.g)
				bindtest.SetNumbers(p.g, ramp(p.g, i))
				checkStep(t, m, p)
			}
		}
	}
}

// TestGradientOfVectorAsRow: sizes of 1 do not tell the shape of a gradient from that of its
// weight.
func TestGradientOfVectorAsRow(t *testing.T) {
	for _, shape := range [][]int{{1, 3}, {3, 1}, {1, 3, 1}} {
		p := newParam("w", tensor.Float64, 1, 3)
		p.g = newParam("", tensor.Float64, 2, shape...).w
		checkStep(t, new(bind.Model), p)
	}
}

// TestOverflowingStrides: a layout whose last element lies outside of memory is an error, however
// large its strides.
func TestOverflowingStrides(t *testing.T) {
	for _, strides := range [][]int{{math.MaxInt, 1}, {math.MaxInt / 2, math.MaxInt / 2},
		{math.MaxInt/2 + 1, math.MaxInt/2 + 1}, {4, 1}, {-1, 1}} {
		p := newParam("w", tensor.Float64, 1, 3, 3)
		copy(p.w.(*tensor.Dense).Strides(), strides)
		err := step(new(bind.Model), p)
		if err == nil || !strings.Contains(err.Error(), "w: weight: with shape") {
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
		p := newParam("w", tensor.Float64, 1, 12)
		d := p.w.(*tensor.Dense)
		d.AP = tensor.MakeAP(c.shape, c.strides, d.DataOrder(), 0)
		if c.ok {
			p.g = of(tensor.Float64, c.shape...)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := step(new(bind.Model), p)
		runtime.ReadMemStats(&after)
		if ok := err == nil; ok != c.ok || !ok && !strings.Contains(err.Error(), "share memory") {
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
	p, m := newParam("w", tensor.Float64, 1, 3, 3), new(bind.Model)
	own := tensor.NewDense(tensor.Float64, tensor.Shape{3, 3}, tensor.AsFortran(nil))
	p.g = own
	for i := range uint64(4) {
		bindtest.SetNumbers(own, ramp(own, i))
		if i == 2 {
			bad := newParam("", tensor.Float64, 2, 3, 3).g
			copy(bad.(*tensor.Dense).Strides(), []int{4, 1})
			p.g = bad
			if err := step(m, p); err == nil ||
				!strings.Contains(err.Error(), "w: gradient: with shape") {
				t.Errorf("error %v", err)
			}
			p.g = own
		}
		checkStep(t, m, p)
	}
}
