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
