package l4_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
)

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

// TestSolverBeforeGraph: a solver may be made without a loss, and with one that a function returns.
func TestSolverBeforeGraph(t *testing.T) {
	p := newParam("w", tensor.Float64, []int{2}, []float64{1, 2})
	model := valueGrads([]*param{p})
	p.setGrad([]float64{1, 1})
	s := l4.NewL4Adam(nil)
	if err := s.Step(model); err == nil || !strings.Contains(err.Error(), "call SetLoss") {
		t.Errorf("without a loss: error %v", err)
	}
	if err := l4.NewL4Adam(l4.LossFunc(nil)).Step(model); err == nil ||
		!strings.Contains(err.Error(), "call SetLoss") {
		t.Errorf("a nil function: error %v", err)
	}
	var value gorgonia.Value
	s.SetLoss(l4.LossFunc(func() gorgonia.Value { return value }))
	if err := s.Step(model); err == nil || !strings.Contains(err.Error(), "UnbindAll") {
		t.Errorf("before a value: error %v", err)
	}
	value = gorgonia.NewF64(3)
	if err := s.Step(model); err != nil || s.Last().Loss != 3 {
		t.Errorf("loss %v, error %v", s.Last().Loss, err)
	}
}

// choosy is a loss that has the gradients of one model.
type choosy struct {
	valuer
	model []gorgonia.ValueGrad
}

func (c choosy) CheckModel(model []gorgonia.ValueGrad) error {
	if !slices.Equal(model, c.model) {
		return errors.New("another model")
	}
	return nil
}

// TestLossChecksModel checks that a step returns the error of a loss that rejects the model.
func TestLossChecksModel(t *testing.T) {
	models := make([][]gorgonia.ValueGrad, 2)
	for i := range models {
		models[i] = []gorgonia.ValueGrad{newParam("w", tensor.Float64, []int{2}, []float64{1, 2})}
	}
	loss := choosy{valuer{gorgonia.NewF64(1)}, models[0]}
	s := l4.NewL4Adam(loss)
	if err := s.Step(models[1]); err == nil || err.Error() != "another model" {
		t.Errorf("a model that the loss rejects: error %v", err)
	}
	if err := s.Step(models[0]); err != nil {
		t.Errorf("a model that the loss accepts: %v", err)
	}
	if err := new(l4.Batches).Add(loss, models[1]); err == nil || err.Error() != "another model" {
		t.Errorf("Batches.Add: error %v", err)
	}
}

// TestLossOfOtherGradients: a loss that is not the one of the gradients is refused, for each way
// that programs come to one, and in Batches as well.
func TestLossOfOtherGradients(t *testing.T) {
	// build makes a graph over the weight with a sum and its mean, and gives Grad what grad
	// chooses.
	build := func(w *tensor.Dense, grad func(sum, mean *gorgonia.Node) *gorgonia.Node) (sum,
		mean *gorgonia.Node, model []gorgonia.ValueGrad) {
		g := gorgonia.NewGraph()
		node := gorgonia.NewVector(
			g,
			tensor.Float64,
			gorgonia.WithName("w"),
			gorgonia.WithShape(4),
			gorgonia.WithValue(w),
		)
		sum = gorgonia.Must(gorgonia.Sum(gorgonia.Must(gorgonia.Square(node))))
		mean = gorgonia.Must(gorgonia.Mul(sum, gorgonia.NewConstant(0.25)))
		if err := tape(t, g, grad(sum, mean), gorgonia.Nodes{node},
			gorgonia.BindDualValues(node))(); err != nil {
			t.Fatal(err)
		}
		return sum, mean, gorgonia.NodesToValueGrads(gorgonia.Nodes{node})
	}
	weights := func() *tensor.Dense { return tensor.New(tensor.WithBacking([]float64{1, 2, 3, 4})) }
	ofSum := func(sum, _ *gorgonia.Node) *gorgonia.Node { return sum }
	ofMean := func(_, mean *gorgonia.Node) *gorgonia.Node { return mean }
	for name, c := range map[string]struct {
		make func() (gorgonia.Valuer, []gorgonia.ValueGrad)
		want string // nothing for no error
	}{
		"the sum": {func() (gorgonia.Valuer, []gorgonia.ValueGrad) {
			sum, _, model := build(weights(), ofSum)
			return sum, model
		}, ""},
		"the mean": {func() (gorgonia.Valuer, []gorgonia.ValueGrad) {
			_, mean, model := build(weights(), ofMean)
			return mean, model
		}, ""},
		"the mean, with gradients of the sum": {func() (gorgonia.Valuer, []gorgonia.ValueGrad) {
			_, mean, model := build(weights(), ofSum)
			return mean, model
		}, "not those of this loss"},
		"the sum, with gradients of the mean": {func() (gorgonia.Valuer, []gorgonia.ValueGrad) {
			sum, _, model := build(weights(), ofMean)
			return sum, model
		}, "computed from this loss; call SetLoss"},
		"a part of the loss of the gradients": {func() (gorgonia.Valuer, []gorgonia.ValueGrad) {
			var part *gorgonia.Node
			_, _, model := build(weights(), func(sum, mean *gorgonia.Node) *gorgonia.Node {
				part = sum
				return gorgonia.Must(gorgonia.Add(sum, mean))
			})
			return part, model
		}, "computed from this loss; call SetLoss"},
		"of another graph over the same weights": {func() (gorgonia.Valuer, []gorgonia.ValueGrad) {
			w := weights()
			sum, _, _ := build(w, ofSum)
			_, _, model := build(w, ofSum)
			return sum, model
		}, "another graph than w; call SetLoss"},
		"with a perplexity beside it": {func() (gorgonia.Valuer, []gorgonia.ValueGrad) {
			sum, _, model := build(weights(), func(sum, _ *gorgonia.Node) *gorgonia.Node {
				gorgonia.Must(gorgonia.Exp(sum))
				return sum
			})
			return sum, model
		}, ""},
		"with gradients of twice the loss": {func() (gorgonia.Valuer, []gorgonia.ValueGrad) {
			return propagated(t, weights(), 2)
		}, "the gradients are 2 of this loss's"},
		"with gradients of once the loss": {func() (gorgonia.Valuer, []gorgonia.ValueGrad) {
			return propagated(t, weights(), 1)
		}, ""},
		"of a function": {func() (gorgonia.Valuer, []gorgonia.ValueGrad) {
			_, mean, model := build(weights(), ofSum)
			return l4.LossFunc(func() gorgonia.Value { return mean.Value() }), model
		}, ""},
	} {
		loss, model := c.make()
		for what, err := range map[string]error{
			"Step": l4.NewL4Adam(loss).Step(model),
			"Add":  new(l4.Batches).Add(loss, modelWithGradient(model)),
		} {
			if c.want == "" && err != nil ||
				c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%s, %s: error %v, want %q", name, what, err, c.want)
			}
		}
	}
}

// propagated is a sum of squares with its gradients times a share, as of gorgonia.Backpropagate.
func propagated(t *testing.T, w *tensor.Dense, share float64) (gorgonia.Valuer,
	[]gorgonia.ValueGrad) {
	t.Helper()
	g := gorgonia.NewGraph()
	node := gorgonia.NewVector(g, tensor.Float64, gorgonia.WithName("w"), gorgonia.WithShape(4),
		gorgonia.WithValue(w))
	sum := gorgonia.Must(gorgonia.Sum(gorgonia.Must(gorgonia.Square(node))))
	output := gorgonia.NewScalar(g, tensor.Float64, gorgonia.WithName("share"),
		gorgonia.WithValue(share))
	weights := gorgonia.Nodes{node}
	_, err := gorgonia.Backpropagate(gorgonia.Nodes{sum}, gorgonia.Nodes{output}, weights)
	if err != nil {
		t.Fatal(err)
	}
	vm := gorgonia.NewTapeMachine(g, gorgonia.BindDualValues(node))
	defer vm.Close()
	if err := vm.RunAll(); err != nil {
		t.Fatal(err)
	}
	return sum, gorgonia.NodesToValueGrads(weights)
}

// modelWithGradient fills gradients that a step before has zeroed.
func modelWithGradient(model []gorgonia.ValueGrad) []gorgonia.ValueGrad {
	for _, p := range model {
		eachNumber(gradOf(p), func(x *float64) { *x = 1 })
	}
	return model
}

// TestOverwrittenLoss: the memory of a loss that is a tensor may come to hold something else. The
// solver then says what to do, and doing it gives the right number.
func TestOverwrittenLoss(t *testing.T) {
	const lossValue = 1.96
	uses := map[string]func(loss *gorgonia.Node){
		"none": func(*gorgonia.Node) {},
		"triple": func(l *gorgonia.Node) {
			gorgonia.Must(gorgonia.Mul(l, gorgonia.NewConstant(3.0)))
		},
		"difference": func(l *gorgonia.Node) {
			gorgonia.Must(gorgonia.Sub(l, gorgonia.NewConstant(3.0)))
		},
		"perplexity": func(l *gorgonia.Node) { gorgonia.Must(gorgonia.Exp(l)) },
		"rmse":       func(l *gorgonia.Node) { gorgonia.Must(gorgonia.Sqrt(l)) },
		"reshaped": func(l *gorgonia.Node) {
			gorgonia.Must(gorgonia.Reshape(l, tensor.Shape{1, 1}))
		},
		"reshaped and tripled": func(l *gorgonia.Node) {
			gorgonia.Must(
				gorgonia.Mul(
					gorgonia.Must(gorgonia.Reshape(l, tensor.Shape{1, 1})),
					gorgonia.NewConstant(3.0),
				),
			)
		},
	}
	for name, use := range uses {
		for _, kind := range []string{"scalar", "(1)", "(1,1)"} {
			t.Run(kind+"/"+name, func(t *testing.T) {
				run := func(readLoss string) (float64, error) {
					must := gorgonia.Must
					g := gorgonia.NewGraph()
					x := gorgonia.NewMatrix(
						g,
						tensor.Float64,
						gorgonia.WithName("x"),
						gorgonia.WithShape(1, 3),
						gorgonia.WithValue(
							tensor.New(
								tensor.WithShape(1, 3),
								tensor.WithBacking([]float64{1, 2, 3}),
							),
						),
					)
					w := gorgonia.NewMatrix(
						g,
						tensor.Float64,
						gorgonia.WithName("w"),
						gorgonia.WithShape(3, 1),
						gorgonia.WithValue(
							tensor.New(
								tensor.WithShape(3, 1),
								tensor.WithBacking([]float64{.1, .2, .3}),
							),
						),
					)
					square := must(gorgonia.Square(must(gorgonia.Mul(x, w))))
					cost := must(gorgonia.Sum(square))
					loss := map[string]*gorgonia.Node{"scalar": cost,
						"(1)": must(gorgonia.Sum(square, 1)), "(1,1)": square}[kind]
					var source gorgonia.Valuer = loss
					if readLoss == "before its uses" {
						source = l4.ReadLoss(loss)
					}
					use(loss)
					if readLoss == "after its uses" {
						source = l4.ReadLoss(loss)
					}
					solver := l4.NewL4Mom(source)
					if err := tape(t, g, cost, gorgonia.Nodes{w},
						gorgonia.BindDualValues(w))(); err != nil {
						t.Fatal(err)
					}
					if err := solver.Step([]gorgonia.ValueGrad{w}); err != nil {
						return 0, err
					}
					return solver.Last().Loss, nil
				}
				got, err := run("never")
				if err == nil && math.Abs(got-lossValue) > 1e-12 {
					t.Errorf("loss %v without an error, want %v", got, lossValue)
				}
				t.Logf("read as %v, error %v", got, err)
				orders := []string{"before its uses", "after its uses"}
				if name == "reshaped and tripled" { // gorgonia.Read comes too late here
					if err == nil || !strings.Contains(err.Error(), "Reshape") {
						t.Errorf("the error does not name the cause: %v", err)
					}
					for _, order := range orders {
						if got, err := run(order); err == nil {
							t.Errorf("through ReadLoss %s: %v without an error", order, got)
						}
					}
					return
				}
				if err != nil && !strings.Contains(err.Error(), "ReadLoss") {
					t.Errorf("the error does not tell the remedy: %v", err)
				}
				for _, order := range orders {
					if got, err := run(order); err != nil || math.Abs(got-lossValue) > 1e-12 {
						t.Errorf("through ReadLoss %s: %v, %v", order, got, err)
					}
				}
			})
		}
	}
}
