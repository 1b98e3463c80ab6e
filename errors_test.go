package l4_test

import (
	"math"
	"strings"
	"testing"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
)

// TestOptionErrors: each bad option is named with its value by the first Step, and nothing is
// written.
func TestOptionErrors(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for name, opt := range map[string]l4.Option{
		"WithFraction(0)":         l4.WithFraction(0),
		"WithFraction(-0.15)":     l4.WithFraction(-0.15),
		"WithFraction(NaN)":       l4.WithFraction(nan),
		"WithFraction(+Inf)":      l4.WithFraction(inf),
		"WithMinLossFactor(1.5)":  l4.WithMinLossFactor(1.5),
		"WithMinLossFactor(-0.1)": l4.WithMinLossFactor(-0.1),
		"WithMinLossFactor(NaN)":  l4.WithMinLossFactor(nan),
		"WithInitFactor(2)":       l4.WithInitFactor(2),
		"WithInitFactor(NaN)":     l4.WithInitFactor(nan),
		"WithForgetTime(0)":       l4.WithForgetTime(0),
		"WithForgetTime(NaN)":     l4.WithForgetTime(nan),
		"WithEpsilon(-1)":         l4.WithEpsilon(-1),
		"WithEpsilon(NaN)":        l4.WithEpsilon(nan),
		"WithMomentumTime(0.5)":   l4.WithMomentumTime(0.5),
		"WithMomentumTime(+Inf)":  l4.WithMomentumTime(inf),
		"WithMomentumTime(1e+07)": l4.WithMomentumTime(1e7),
		"WithGradientTime(0)":     l4.WithGradientTime(0),
		"WithVarianceTime(0)":     l4.WithVarianceTime(0),
		"WithAdamEpsilon(-1)":     l4.WithAdamEpsilon(-1),
		"WithAdamEpsilon(NaN)":    l4.WithAdamEpsilon(nan),
		"WithClip(0)":             l4.WithClip(0),
		"WithClip(+Inf)":          l4.WithClip(inf),
		"WithClipNorm(-1)":        l4.WithClipNorm(-1),
		"WithL1Reg(-1)":           l4.WithL1Reg(-1),
		"WithL2Reg(NaN)":          l4.WithL2Reg(nan),
		"WithWeightDecay(1)":      l4.WithWeightDecay(1),
		"WithWeightDecay(-0.1)":   l4.WithWeightDecay(-0.1),
		"WithLossFloor(-Inf)":     l4.WithLossFloor(-inf),
		"WithLossFloor(NaN)":      l4.WithLossFloor(nan),
		"WithMaxLearnRate(0)":     l4.WithMaxLearnRate(0),
		"nil Option":              nil,
	} {
		p := newParam("w", tensor.Float64, []int{2}, []float64{1, 2})
		p.setGrad([]float64{3, 4})
		err := l4.NewL4Adam(valuer{gorgonia.NewF64(1)}, opt).Step([]gorgonia.ValueGrad{p})
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: error %v", name, err)
		}
		wantEqual(t, numbers(p.w), []float64{1, 2})
		wantEqual(t, numbers(p.g), []float64{3, 4})
	}
	for name, opt := range map[string]l4.Option{"WithVarianceTime(100)": l4.WithVarianceTime(100),
		"WithAdamEpsilon(0.1)": l4.WithAdamEpsilon(0.1)} {
		p := newParam("w", tensor.Float64, []int{2}, []float64{1, 2})
		err := l4.NewL4Mom(valuer{gorgonia.NewF64(1)}, opt).Step([]gorgonia.ValueGrad{p})
		if err == nil || !strings.Contains(err.Error(), name) ||
			!strings.Contains(err.Error(), "only L4Adam") {
			t.Errorf("%s on L4Mom: error %v", name, err)
		}
	}
}

func TestLossErrors(t *testing.T) {
	for name, c := range map[string]struct {
		loss gorgonia.Valuer
		want string
	}{
		"nil":      {nil, "the loss is nil"},
		"nil node": {(*gorgonia.Node)(nil), "the loss is nil"},
		"no value": {valuer{}, "run the virtual machine"},
		"node not run": {gorgonia.NewScalar(gorgonia.NewGraph(), tensor.Float64),
			"run the virtual machine"},
		"nil scalar": {valuer{(*gorgonia.F64)(nil)}, "nil"},
		"vector": {valuer{tensor.New(tensor.WithShape(2), tensor.Of(tensor.Float64))},
			"(2)"},
		"matrix": {valuer{tensor.New(tensor.WithShape(2, 3), tensor.Of(tensor.Float64))},
			"(2, 3)"},
		"integer": {valuer{gorgonia.NewI(3)}, "*gorgonia.I"},
		"integer tensor": {valuer{tensor.New(tensor.WithShape(1), tensor.Of(tensor.Int))},
			"dtype int"},
		"complex tensor": {valuer{tensor.New(tensor.WithShape(1), tensor.Of(tensor.Complex128))},
			"dtype complex128"},
		"boolean":          {valuer{gorgonia.NewB(true)}, "*gorgonia.B"},
		"negative":         {valuer{gorgonia.NewF64(-0.5)}, "loss is -0.5"},
		"negative float32": {valuer{gorgonia.NewF32(-2)}, "loss is -2"},
		"NaN":              {valuer{gorgonia.NewF64(math.NaN())}, "loss is NaN"},
		"infinite":         {valuer{gorgonia.NewF32(float32(math.Inf(1)))}, "loss is +Inf"},
	} {
		p := newParam("w", tensor.Float64, []int{2}, []float64{1, 2})
		err := l4.NewL4Adam(c.loss, l4.WithoutBound()).Step([]gorgonia.ValueGrad{p})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one that says %q", name, err, c.want)
		}
		wantEqual(t, numbers(p.w), []float64{1, 2})
	}
	model := valueGrads([]*param{newParam("w", tensor.Float64, []int{1}, []float64{1})})
	for _, loss := range []float64{math.NaN(), math.Inf(-1)} {
		err := l4.NewL4Mom(valuer{gorgonia.NewF64(loss)}).Step(model)
		if !errors.Is(err, l4.ErrNonFinite) {
			t.Errorf("loss %v: error %v is not ErrNonFinite", loss, err)
		}
	}
	err := l4.NewL4Mom(valuer{gorgonia.NewF64(-1)}, l4.WithoutBound()).Step(model)
	if !errors.Is(err, l4.ErrNegativeLoss) {
		t.Errorf("loss -1: error %v is not ErrNegativeLoss", err)
	}
}

// TestLossWithoutGraph: a constant and a copy of a node have no graph, and are losses like any
// other.
func TestLossWithoutGraph(t *testing.T) {
	g := gorgonia.NewGraph()
	node := gorgonia.NewScalar(
		g,
		tensor.Float64,
		gorgonia.WithName("loss"),
		gorgonia.WithValue(2.0),
	)
	for name, loss := range map[string]gorgonia.Valuer{
		"constant":      gorgonia.NewConstant(2.0),
		"clone":         node.Clone().(*gorgonia.Node),
		"read constant": l4.ReadLoss(gorgonia.NewConstant(2.0)),
	} {
		p := newParam("w", tensor.Float64, []int{2}, []float64{1, 2})
		p.setGrad([]float64{1, 1})
		s := l4.NewL4Mom(loss)
		if err := s.Step([]gorgonia.ValueGrad{p}); err != nil || s.Last().Loss != 2 {
			t.Errorf("%s: loss %v, error %v", name, s.Last().Loss, err)
		}
	}
	if err := l4.NewL4Mom(l4.ReadLoss(nil)).Step(nil); err == nil ||
		!strings.Contains(err.Error(), "the loss is nil") {
		t.Errorf("ReadLoss(nil): error %v", err)
	}
}

// TestZeroSolver: a solver that no constructor has made says so.
func TestZeroSolver(t *testing.T) {
	for name, s := range map[string]interface {
		saver
		SetLoss(gorgonia.Valuer)
	}{"L4Adam": &l4.L4Adam{}, "L4Mom": &l4.L4Mom{}, "L4": &l4.L4{}} {
		s.SetLoss(valuer{gorgonia.NewF64(1)})
		_, saveErr := s.MarshalBinary()
		for _, err := range []error{s.Step(valueGrads(stateModel(tensor.Float64))), saveErr,
			s.UnmarshalBinary(savedState(t))} {
			if err == nil || !strings.Contains(err.Error(), "NewL4Adam") {
				t.Errorf("%s: error %v", name, err)
			}
		}
	}
}

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
		"nil":            {model(nil), "parameter #1"},
		"nil pointer":    {model((*param)(nil)), "parameter #1"},
		"no value":       {model(&param{name: "w"}), "w: no value"},
		"nil tensor":     {model(&param{name: "w", w: (*tensor.Dense)(nil)}), "w: no value"},
		"integer":        {model(with(of(tensor.Int, 2), of(tensor.Int, 2))), "w: dtype int"},
		"integer scalar": {model(with(gorgonia.NewI(1), gorgonia.NewI(1))), "w: dtype int"},
		"complex": {model(with(of(tensor.Complex64, 2), of(tensor.Complex64, 2))),
			"w: dtype complex64"},
		"no gradient": {model(&param{name: "w", w: of(tensor.Float32, 2)}),
			"w: gradient: no value"},
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
			"the weight of w shares memory with the weight of u"},
		"own gradient": {model(with(shared, shared)),
			"the weight of w shares memory with the gradient of w"},
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
		}, "3 parameters, in the first step 2"},
		"shrank": {func(m []*param) []*param {
			return m[:1]
		}, "1 parameters, in the first step 2"},
		"reordered": {func(m []*param) []*param {
			return []*param{m[1], m[0]}
		}, "parameter #0 is b, in the first step it was a"},
		"reordered without names": {func(m []*param) []*param {
			return []*param{{name: "a", w: m[1].w, g: m[1].g}, {name: "b", w: m[0].w, g: m[0].g}}
		}, "a has the weight that b had"},
		"replaced": {func(m []*param) []*param {
			return []*param{m[0], newParam("c", tensor.Float64, []int{2, 3}, ramp(6, 2))}
		}, "parameter #1 is c"},
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
