package l4_test

import (
	"strings"
	"testing"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
)

// TestModelErrors: whatever is wrong with a model in the first step is refused by the name of the
// parameter.
func TestModelErrors(t *testing.T) {
	of := func(dt tensor.Dtype, shape ...int) *tensor.Dense {
		return tensor.New(tensor.WithShape(shape...), tensor.Of(dt))
	}
	good := func() *param { return newParam("good", tensor.Float64, []int{2}, []float64{1, 2}) }
	model := func(ps ...gorgonia.ValueGrad) []gorgonia.ValueGrad {
		return append([]gorgonia.ValueGrad{good()}, ps...)
	}
	with := func(w, g gorgonia.Value) *param { return &param{name: "w", w: w, g: g} }
	shared := of(tensor.Float64, 3)
	for name, c := range map[string]struct {
		model []gorgonia.ValueGrad
		want  string
	}{
		"empty":          {nil, "no parameters"},
		"nil":            {model(nil), "weight 1 is nil"},
		"nil pointer":    {model((*param)(nil)), "weight 1 is nil"},
		"no value":       {model(&param{name: "w"}), "w: no value"},
		"nil tensor":     {model(&param{name: "w", w: (*tensor.Dense)(nil)}), "w: no value"},
		"integer":        {model(with(of(tensor.Int, 2), of(tensor.Int, 2))), "w: dtype int"},
		"integer scalar": {model(with(gorgonia.NewI(1), gorgonia.NewI(1))), "w: dtype int"},
		"complex": {model(with(of(tensor.Complex64, 2), of(tensor.Complex64, 2))),
			"w: dtype complex64"},
		"no gradient": {model(&param{name: "w", w: of(tensor.Float32, 2)}),
			"w: gradient: no value"},
		"on a device": {model(with(tensor.New(tensor.WithBacking([]float64{1, 2}),
			tensor.WithEngine(device{})), of(tensor.Float64, 2))),
			"w: weight: the tensor is not in the CPU's memory"},
		"gradient fails": {model(&param{name: "w", w: of(tensor.Float32, 2),
			err: errors.New("as told")}), "w: gradient: as told"},
		"gradient's dtype": {model(with(of(tensor.Float32, 2), of(tensor.Float64, 2))),
			"w: gradient: dtype float64, want float32"},
		"gradient's shape": {model(with(of(tensor.Float32, 2, 3), of(tensor.Float32, 3, 2))),
			"w: gradient: shape [3 2], the weight has [2 3]"},
		"scalar's gradient": {model(with(gorgonia.NewF64(1), gorgonia.NewF32(1))),
			"w: gradient: dtype float32, want float64"},
		"twice": {model(with(shared, of(tensor.Float64, 3)),
			&param{name: "u", w: shared, g: of(tensor.Float64, 3)}),
			"l4: w shares memory with u"},
		"own gradient": {model(with(shared, shared)),
			"l4: w shares memory with the gradient of w"},
		"node without one": {[]gorgonia.ValueGrad{gorgonia.NewVector(gorgonia.NewGraph(),
			tensor.Float64, gorgonia.WithName("w"), gorgonia.WithShape(2),
			gorgonia.WithInit(gorgonia.Ones()))}, "w: gradient: No Gradient"},
	} {
		err := l4.NewL4Adam(valuer{gorgonia.NewF64(1)}).Step(c.model)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one that says %q", name, err, c.want)
		}
		if len(c.model) > 1 {
			wantEqual(t, numbers(c.model[0].Value()), []float64{1, 2})
		}
	}
}

// device is an engine whose memory the CPU cannot reach.
type device struct{ tensor.StdEng }

func (device) AllocAccessible() bool { return false }

// TestModelChanged: a model that is not the one of the first step is refused, and the one of the
// first step goes on as if nothing had happened.
func TestModelChanged(t *testing.T) {
	a := func() *param { return newParam("a", tensor.Float64, []int{2, 3}, ramp(6, 1)) }
	b := func() *param { return newParam("b", tensor.Float64, []int{2, 3}, ramp(6, 2)) }
	for name, c := range map[string]struct {
		change func(model []*param) []*param
		want   string
	}{
		"grew": {func(m []*param) []*param {
			return append(m, newParam("c", tensor.Float64, []int{1}, []float64{1}))
		}, "3 weights, in the first step 2"},
		"shrank": {func(m []*param) []*param {
			return m[:1]
		}, "1 weights, in the first step 2"},
		"reordered": {func(m []*param) []*param {
			return []*param{m[1], m[0]}
		}, "weight 0 is b, in the first step it was a"},
		"reordered without names": {func(m []*param) []*param {
			return []*param{{name: "a", w: m[1].w, g: m[1].g}, {name: "b", w: m[0].w, g: m[0].g}}
		}, "a has the memory that b had"},
		"replaced": {func(m []*param) []*param {
			return []*param{m[0], newParam("c", tensor.Float64, []int{2, 3}, ramp(6, 2))}
		}, "weight 1 is c"},
		"shape": {func(m []*param) []*param {
			return []*param{m[0], newParam("b", tensor.Float64, []int{3, 2}, ramp(6, 2))}
		}, "b: weight: shape [3 2], in the first step [2 3]"},
		"dtype": {func(m []*param) []*param {
			return []*param{m[0], newParam("b", tensor.Float32, []int{2, 3}, ramp(6, 2))}
		}, "b: weight: dtype float32, want float64"},
		"kind": {func(m []*param) []*param {
			return []*param{m[0], {name: "b", w: gorgonia.NewF64(1), g: gorgonia.NewF64(1)}}
		}, "b: weight: shape [], in the first step [2 3]"},
	} {
		t.Run(name, func(t *testing.T) {
			run := func(mistake bool) []float64 {
				loss, model := newBowl(), []*param{a(), b()}
				s := l4.NewL4Adam(loss)
				for step := range 6 {
					loss.eval(model, 1)
					if mistake && step > 0 {
						changed := valueGrads(c.change(model))
						for range 3 {
							err := s.Step(changed)
							if want := "l4: model changed: " + c.want; !errors.Is(
								err,
								l4.ErrModelChanged,
							) ||
								!strings.HasPrefix(err.Error(), want) {
								t.Errorf("error %v, want ErrModelChanged that says %q", err, want)
							}
						}
					}
					if err := s.Step(valueGrads(model)); err != nil {
						t.Fatal(err)
					}
				}
				return weightsOf(model)
			}
			wantEqual(t, run(true), run(false))
		})
	}
}

// TestOtherMemory: the same parameters may lie elsewhere in memory, as with a second graph or
// weights that were loaded from a file.
func TestOtherMemory(t *testing.T) {
	run := func(move bool) []float64 {
		loss, model := newBowl(), []*param{
			newParam("a", tensor.Float32, []int{5}, ramp(5, 1)),
			newParam("b", tensor.Float32, []int{5}, ramp(5, 2)),
		}
		s := l4.NewL4Adam(loss)
		for range 10 {
			if move {
				for i, p := range model {
					model[i] = newParam(p.name, tensor.Float32, []int{5}, numbers(p.w))
				}
			}
			loss.eval(model, 1)
			if err := s.Step(valueGrads(model)); err != nil {
				t.Fatal(err)
			}
		}
		return weightsOf(model)
	}
	wantEqual(t, run(true), run(false))
}

// TestTensorOfOtherMemory: a tensor whose memory is exchanged under its address is stepped in the
// new memory.
func TestTensorOfOtherMemory(t *testing.T) {
	loss, p := gorgonia.NewF64(0), newParam("w", tensor.Float64, []int{2}, []float64{1, 2})
	s := l4.NewL4Mom(valuer{loss})
	stepOnce(t, s, loss, p, 1, 1, 1)
	*p.w.(*tensor.Dense) = *newParam("w", tensor.Float64, []int{2},
		[]float64{5, 6}).w.(*tensor.Dense)
	stepOnce(t, s, loss, p, 1, 1, 1)
	if w := numbers(p.w); w[0] == 5 || w[1] == 6 {
		t.Errorf("weights %v", w)
	}
}

// TestMistakeTwice: what was refused once is refused again, though nothing has moved since.
func TestMistakeTwice(t *testing.T) {
	loss := newBowl()
	a, b := newParam(
		"a",
		tensor.Float64,
		[]int{3},
		ramp(3, 1),
	), newParam(
		"b",
		tensor.Float64,
		[]int{3},
		ramp(3, 2),
	)
	s := l4.NewL4Adam(loss)
	loss.eval([]*param{a, b}, 1)
	if err := s.Step(valueGrads([]*param{a, b})); err != nil {
		t.Fatal(err)
	}
	ownW, ownG, before := b.w, b.g, weightsOf([]*param{a, b})
	for want, mistake := range map[string]func(){
		"shares memory": func() { b.g = a.w },
		"gradient: shape": func() {
			b.g = newParam("", tensor.Float64, []int{2, 2}, ramp(4, 1)).g
		},
		"shape [5], in the first step [3]": func() {
			b.w = newParam("", tensor.Float64, []int{5}, ramp(5, 1)).w
		},
	} {
		mistake()
		for range 3 {
			if err := s.Step(valueGrads([]*param{a, b})); err == nil ||
				!strings.Contains(err.Error(), want) {
				t.Errorf("error %v, want %q", err, want)
			}
		}
		b.w, b.g = ownW, ownG
		wantEqual(t, weightsOf([]*param{a, b}), before)
	}
	if err := s.Step(valueGrads([]*param{a, b})); err != nil {
		t.Error(err)
	}
}

// TestPanicOfParameter: after a panic of a parameter that moved, which the program recovers from,
// the next step is that of the new memory.
func TestPanicOfParameter(t *testing.T) {
	p := &panics{param: newParam("w", tensor.Float64, []int{2}, []float64{1, 2})}
	s := l4.NewL4Mom(valuer{gorgonia.NewF64(1)})
	step := func() (err error) {
		defer func() { _ = recover() }()
		p.setGrad([]float64{1, 1})
		return s.Step([]gorgonia.ValueGrad{p})
	}
	if err := step(); err != nil {
		t.Fatal(err)
	}
	p.param.w = newParam("w", tensor.Float64, []int{2}, []float64{5, 6}).w
	p.on = true
	_ = step()
	p.on = false
	if err := step(); err != nil {
		t.Fatal(err)
	}
	if w := numbers(p.w); w[0] == 5 {
		t.Errorf("the new weights have not moved: %v", w)
	}
}

type panics struct {
	*param
	on bool
}

func (p *panics) Grad() (gorgonia.Value, error) {
	if p.on {
		panic("as told")
	}
	return p.param.Grad()
}

// TestSharedGradient: two parameters whose ValueGrads hand out one gradient both see it whole.
func TestSharedGradient(t *testing.T) {
	step := func(shared bool) []float64 {
		a, b := newParam(
			"a",
			tensor.Float64,
			[]int{4},
			ramp(4, 1),
		), newParam(
			"b",
			tensor.Float64,
			[]int{4},
			ramp(4, 2),
		)
		a.setGrad(ramp(4, 3))
		b.setGrad(ramp(4, 3))
		if shared {
			b.g = a.g
		}
		if err := l4.NewL4Adam(valuer{gorgonia.NewF64(1)}).Step(valueGrads([]*param{a,
			b})); err != nil {
			t.Fatal(err)
		}
		return weightsOf([]*param{a, b})
	}
	wantEqual(t, step(true), step(false))
}

// TestGradientOfNodeNoMore: a gradient that is the value of a graph node is left alone, and one of
// the same parameter that is not, as of another model, is zeroed after that.
func TestGradientOfNodeNoMore(t *testing.T) {
	f := newFit(t, tensor.Float64, fitWeights(tensor.Float64), 2, false)
	if err := f.eval(tensor.Float64, 0, 0); err != nil {
		t.Fatal(err)
	}
	loss := gorgonia.NewF64(1)
	s := l4.NewL4Adam(valuer{loss})
	if err := s.Step(f.model); err != nil {
		t.Fatal(err)
	}
	if f.weights[0].Deriv() == nil || numbers(gradOf(f.model[0]))[0] == 0 {
		t.Fatal("the gradient is not that of a node")
	}
	var own []*param
	for i, w := range fitWeights(tensor.Float64) {
		p := &param{name: f.weights[i].Name(), w: w, g: cloneOf(w)}
		own = append(own, p)
	}
	if err := s.Step(valueGrads(own)); err != nil {
		t.Fatal(err)
	}
	for _, p := range own {
		wantEqual(t, numbers(p.g), make([]float64, len(numbers(p.g))))
	}
}
