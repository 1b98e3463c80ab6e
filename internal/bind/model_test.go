package bind_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/bind"
	"github.com/l4-go/l4/internal/bind/bindtest"
	"github.com/l4-go/l4/internal/flat"
	"github.com/l4-go/l4/internal/record"
)

// TestModelErrors: an error about a model in the first step names the parameter.
func TestModelErrors(t *testing.T) {
	good := newParam("good", tensor.Float64, 1, 2)
	before := bindtest.Numbers(good.w)
	model := func(ps ...gorgonia.ValueGrad) []gorgonia.ValueGrad {
		return append([]gorgonia.ValueGrad{good}, ps...)
	}
	with := func(w, g gorgonia.Value) *param { return &param{name: "w", w: w, g: g} }
	shared := of(tensor.Float64, 3)
	node := gorgonia.NewVector(gorgonia.NewGraph(), tensor.Float64, gorgonia.WithName("w"),
		gorgonia.WithShape(2), gorgonia.WithInit(gorgonia.Ones()))
	for name, c := range map[string]struct {
		model []gorgonia.ValueGrad
		want  string
	}{
		"empty":          {nil, "no parameters"},
		"nil":            {model(nil), "weight 1 is nil"},
		"nil pointer":    {model((*param)(nil)), "weight 1 is nil"},
		"no value":       {model(&param{name: "w"}), "w: no value"},
		"nil tensor":     {model(with((*tensor.Dense)(nil), nil)), "w: no value"},
		"integer":        {model(with(of(tensor.Int, 2), of(tensor.Int, 2))), "w: dtype int"},
		"integer scalar": {model(with(gorgonia.NewI(1), gorgonia.NewI(1))), "w: dtype int"},
		"complex": {model(with(of(tensor.Complex64, 2), of(tensor.Complex64, 2))),
			"w: dtype complex64"},
		"no gradient": {model(with(of(tensor.Float32, 2), nil)), "w: gradient: no value"},
		"nil gradient": {model(with(of(tensor.Float32, 2), (*tensor.Dense)(nil))),
			"w: gradient: nil tensor"},
		"on a device": {model(with(tensor.New(tensor.WithBacking([]float64{1, 2}),
			tensor.WithEngine(device{})), of(tensor.Float64, 2))),
			"w: weight: the tensor is not in the CPU's memory"},
		"gradient fails": {model(&param{name: "w", w: of(tensor.Float32, 2),
			err: errors.New("as told")}), "w: gradient: as told"},
		"gradient's dtype": {model(with(of(tensor.Float32, 2), of(tensor.Float64, 2))),
			"w: gradient: dtype float64, want float32"},
		"gradient's type": {model(with(of(tensor.Float32, 2), gorgonia.NewB(true))),
			"w: gradient: unsupported value of type *gorgonia.B"},
		"gradient's shape": {model(with(of(tensor.Float32, 2, 3), of(tensor.Float32, 3, 2))),
			"w: the gradient has shape [3 2], but the weight has [2 3]"},
		"scalar's gradient": {model(with(gorgonia.NewF64(1), gorgonia.NewF32(1))),
			"w: gradient: dtype float32, want float64"},
		"twice": {model(with(shared, of(tensor.Float64, 3)),
			&param{name: "u", w: shared, g: of(tensor.Float64, 3)}),
			"l4: w shares memory with u"},
		"own gradient": {model(with(shared, shared)),
			"l4: w shares memory with the gradient of w"},
		"node without one": {model(node), "w: gradient: No Gradient"},
	} {
		err := new(bind.Model).Bind(c.model)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one that says %q", name, err, c.want)
		}
	}
	if got := bindtest.Numbers(good.w); !slices.Equal(got, before) {
		t.Errorf("weights %v, want %v", got, before)
	}
}

// device is an engine whose memory the CPU cannot access.
type device struct{ tensor.StdEng }

func (device) AllocAccessible() bool { return false }

// TestOneNodeTwice: two inputs of a graph that Gorgonia has merged into one node are an error that
// names the cause.
func TestOneNodeTwice(t *testing.T) {
	g := gorgonia.NewGraph()
	vector := func() *gorgonia.Node {
		return gorgonia.NewVector(g, tensor.Float64, gorgonia.WithShape(2),
			gorgonia.WithValue(of(tensor.Float64, 2)))
	}
	a, b := vector(), vector()
	if _, err := gorgonia.Grad(gorgonia.Must(gorgonia.Sum(a)), a); err != nil {
		t.Fatal(err)
	}
	vm := gorgonia.NewTapeMachine(g, gorgonia.BindDualValues(a))
	defer vm.Close()
	if err := vm.RunAll(); err != nil {
		t.Fatal(err)
	}
	err := new(bind.Model).Bind(gorgonia.NodesToValueGrads(gorgonia.Nodes{a, b}))
	const want = "weights 0 and 1 are the same node"
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want %q", err, want)
	}
}

// TestModelChanged: a model that differs from the model of the first step is an error, and the
// model of the first step still works afterwards.
func TestModelChanged(t *testing.T) {
	for name, c := range map[string]struct {
		change func(model []*param) []*param
		want   string
	}{
		"grew": {func(m []*param) []*param {
			return append(slices.Clone(m), newParam("c", tensor.Float64, 3, 1))
		}, "the number of weights is 3, but in the first step it was 2"},
		"shrank": {func(m []*param) []*param { return m[:1] },
			"the number of weights is 1, but in the first step it was 2"},
		"reordered": {func(m []*param) []*param {
			return []*param{m[1], m[0]}
		}, "weight 0 is b, but in the first step it was a"},
		"reordered without names": {func(m []*param) []*param {
			return []*param{{name: "a", w: m[1].w, g: m[1].g}, {name: "b", w: m[0].w, g: m[0].g}}
		}, "a has the memory that b had in the last step"},
		"replaced": {func(m []*param) []*param {
			return []*param{m[0], newParam("c", tensor.Float64, 2, 2, 3)}
		}, "weight 1 is c"},
		"shape": {func(m []*param) []*param {
			return []*param{m[0], newParam("b", tensor.Float64, 2, 3, 2)}
		}, "b: the weight has shape [3 2], but in the first step it had [2 3]"},
		"dtype": {func(m []*param) []*param {
			return []*param{m[0], newParam("b", tensor.Float32, 2, 2, 3)}
		}, "b: weight: dtype float32, want float64"},
		"kind": {func(m []*param) []*param {
			return []*param{m[0], {name: "b", w: gorgonia.NewF64(1), g: gorgonia.NewF64(1)}}
		}, "b: the weight has shape [], but in the first step it had [2 3]"},
	} {
		t.Run(name, func(t *testing.T) {
			m := new(bind.Model)
			model := []*param{newParam("a", tensor.Float64, 1, 2, 3),
				newParam("b", tensor.Float64, 2, 2, 3)}
			for i := range uint64(4) {
				for _, p := range model {
					bindtest.SetNumbers(p.g, ramp(p.g, i))
				}
				changed := c.change(model)
				for range 3 {
					if i == 0 {
						break
					}
					err := m.Bind(valueGrads(changed...))
					if want := "l4: model changed: " + c.want; !errors.Is(err, bind.ErrChanged) ||
						!strings.HasPrefix(err.Error(), want) ||
						!strings.Contains(err.Error(), "one solver for each set of weights") {
						t.Errorf("error %v, want ErrChanged that says %q", err, want)
					}
				}
				checkStep(t, m, model...)
			}
		})
	}
}

// TestMistakeTwice: a mistake is an error in every step, also if no memory has moved since the last
// step.
func TestMistakeTwice(t *testing.T) {
	a, b := newParam("a", tensor.Float64, 1, 3), newParam("b", tensor.Float64, 2, 3)
	m := new(bind.Model)
	checkStep(t, m, a, b)
	ownW, ownG := b.w, b.g
	for want, mistake := range map[string]func(){
		"shares memory":                               func() { b.g = a.w },
		"the gradient has shape":                      func() { b.g = of(tensor.Float64, 2, 2) },
		"shape [5], but in the first step it had [3]": func() { b.w = of(tensor.Float64, 5) },
	} {
		mistake()
		for range 3 {
			if err := m.Bind(valueGrads(a, b)); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v, want %q", err, want)
			}
		}
		b.w, b.g = ownW, ownG
	}
	checkStep(t, m, a, b)
}

// TestOtherMemory: the memory of the parameters may change, as with a second graph or with weights
// from a file.
func TestOtherMemory(t *testing.T) {
	m := new(bind.Model)
	for seed := range uint64(4) {
		checkStep(t, m, newParam("a", tensor.Float32, seed, 5),
			newParam("b", tensor.Float32, seed+10, 5))
	}
}

// TestManyParametersInOtherMemory: the time of a step grows with the number of parameters, and not
// with its square, if all of them have other memory than before. Otherwise this test exceeds the ten
// minutes that go test allows.
func TestManyParametersInOtherMemory(t *testing.T) {
	m := new(bind.Model)
	for range 2 {
		var params []*param
		for range 500_000 {
			p := &param{name: "w", w: gorgonia.NewF32(1), g: gorgonia.NewF32(2)}
			params = append(params, p)
		}
		checkStep(t, m, params...)
	}
}

// TestTensorOfOtherMemory: a tensor may get other memory while its own address stays the same.
func TestTensorOfOtherMemory(t *testing.T) {
	p, m := newParam("w", tensor.Float64, 1, 2), new(bind.Model)
	checkStep(t, m, p)
	*p.w.(*tensor.Dense) = *newParam("w", tensor.Float64, 2, 2).w.(*tensor.Dense)
	bindtest.SetNumbers(p.g, []float64{1, 2})
	checkStep(t, m, p)
}

// TestPanicOfParameter: if a parameter whose memory has moved panics, and the program recovers, the
// next step uses the new memory.
func TestPanicOfParameter(t *testing.T) {
	p, m := &panics{param: newParam("w", tensor.Float64, 1, 2)}, new(bind.Model)
	bindAndStep := func() (err error) {
		defer func() { _ = recover() }()
		if err = m.Bind([]gorgonia.ValueGrad{p}); err == nil {
			m.Sum(flat.NewPass(0, subtract[float32], subtract[float64]))
			m.Commit()
		}
		return err
	}
	if err := bindAndStep(); err != nil {
		t.Fatal(err)
	}
	p.param.w, p.on = newParam("w", tensor.Float64, 2, 2).w, true
	_ = bindAndStep()
	p.on = false
	before := bindtest.Numbers(p.w)
	bindtest.SetNumbers(p.g, []float64{1, 2})
	if err := bindAndStep(); err != nil {
		t.Fatal(err)
	}
	if w := bindtest.Numbers(p.w); w[0] != before[0]-1 || w[1] != before[1]-2 {
		t.Errorf("weights %v, before %v", w, before)
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

// TestSharedGradient: if two parameters share one gradient, each parameter gets the complete
// gradient.
func TestSharedGradient(t *testing.T) {
	a, b := newParam("a", tensor.Float64, 1, 4), newParam("b", tensor.Float64, 2, 4)
	b.g = a.g
	checkStep(t, new(bind.Model), a, b)
}

// TestGradientOfNode: a step does not write a gradient that is the value of a graph node. If the
// same parameter then has another gradient, as in another model, the step zeroes that gradient.
func TestGradientOfNode(t *testing.T) {
	g := gorgonia.NewGraph()
	w := gorgonia.NewVector(g, tensor.Float64, gorgonia.WithShape(2), gorgonia.WithName("w"),
		gorgonia.WithValue(newParam("", tensor.Float64, 1, 2).w))
	loss := gorgonia.Must(gorgonia.Sum(gorgonia.Must(gorgonia.Square(w))))
	if _, err := gorgonia.Grad(loss, w); err != nil {
		t.Fatal(err)
	}
	vm := gorgonia.NewTapeMachine(g)
	defer vm.Close()
	if err := vm.RunAll(); err != nil {
		t.Fatal(err)
	}
	grad, err := w.Grad()
	if err != nil {
		t.Fatal(err)
	}
	weights, gradient, m := bindtest.Numbers(w.Value()), bindtest.Numbers(grad), new(bind.Model)
	if err := m.Bind([]gorgonia.ValueGrad{w}); err != nil {
		t.Fatal(err)
	}
	m.Sum(flat.NewPass(0, subtract[float32], subtract[float64]))
	m.Commit()
	m.ZeroGrads()
	for i, x := range bindtest.Numbers(w.Value()) {
		if x != weights[i]-gradient[i] {
			t.Errorf("weight %d is %v, want %v", i, x, weights[i]-gradient[i])
		}
	}
	if got := bindtest.Numbers(grad); !slices.Equal(got, gradient) {
		t.Errorf("the gradient of the node is %v, want %v", got, gradient)
	}
	checkStep(t, m, newParam("w", tensor.Float64, 3, 2))
}

// TestWeightsOnly: Bind does not ask for gradients.
func TestWeightsOnly(t *testing.T) {
	p := newParam("w", tensor.Float32, 1, 2, 2)
	if err := p.w.(*tensor.Dense).T(); err != nil {
		t.Fatal(err)
	}
	p.err = errors.New("as told")
	m := &bind.Model{WeightsOnly: true}
	if err := m.Bind(valueGrads(p)); err != nil {
		t.Fatal(err)
	}
	want := bindtest.Numbers(p.w)
	m.Sum(flat.Pass{F32: func(p *flat.Part[float32]) (_, _ float64) {
		if p.G != nil {
			t.Error("a pass has gradients")
		}
		for i := range p.W {
			p.W[i]++
		}
		return 0, 0
	}})
	m.Commit()
	for i, x := range bindtest.Numbers(p.w) {
		if x != want[i]+1 {
			t.Errorf("weight %d is %v, want %v", i, x, want[i]+1)
		}
	}
}

// TestFind checks that Find names the tensor of the element.
func TestFind(t *testing.T) {
	m := new(bind.Model)
	a, b := newParam("a", tensor.Float32, 1, 2), newParam("", tensor.Float64, 2, 2, 3)
	bindtest.SetNumbers(b.g, []float64{1, 2, 3, 4, 1e6, 5})
	if err := m.Bind(valueGrads(a, b)); err != nil {
		t.Fatal(err)
	}
	name, at, value := m.Find(flat.Pass{
		F32: func(*flat.Part[float32]) (_, _ float64) { return 0, 0 },
		F64: func(p *flat.Part[float64]) (x, _ float64) { return slices.Max(p.G) - 5, 0 },
	})
	if name != "weight 1, shape (2, 3)" || at != 0 || value != 1 {
		t.Errorf("%q, element %d, %v", name, at, value)
	}
}

// TestFields: a saved model that has made a step accepts only the same parameters, and a saved
// model that has not made a step accepts any parameters.
func TestFields(t *testing.T) {
	format := record.Format{Magic: "test", Version: 1}
	a, b := newParam("a", tensor.Float32, 1, 2), newParam("b", tensor.Float64, 2, 2, 3)
	for _, steps := range []int{0, 1} {
		m := new(bind.Model)
		if steps == 0 { // Bind alone does not count as a step
			if err := m.Bind(valueGrads(a)); err != nil {
				t.Fatal(err)
			}
		} else {
			checkStep(t, m, a, b)
		}
		data, err := format.Write(func(c *record.Codec) error {
			m.Fields(c, func(i int) { record.AnyVector(c, make([]float64, m.Tensor(i).Size())) })
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		read := new(bind.Model)
		if err := format.Read(data, func(c *record.Codec) error {
			read.Fields(c, func(i int) {
				record.AnyVector(c, make([]float64, read.Tensor(i).Size()))
			})
			return c.Err()
		}); err != nil {
			t.Fatal(err)
		}
		err = read.Bind(valueGrads(newParam("a", tensor.Float32, 1, 2)))
		if errors.Is(err, bind.ErrChanged) != (steps > 0) || steps == 0 && err != nil {
			t.Errorf("%d steps: another model: error %v", steps, err)
		}
		if steps > 0 {
			checkStep(t, read, newParam("a", tensor.Float32, 3, 2), b)
		}
	}
}
