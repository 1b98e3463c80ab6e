package l4_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
)

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

// modelWithGradient fills gradients that a step before has zeroed.
func modelWithGradient(model []gorgonia.ValueGrad) []gorgonia.ValueGrad {
	for _, p := range model {
		eachNumber(gradOf(p), func(x *float64) { *x = 1 })
	}
	return model
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

// TestRefused: errors that a program does not read are counted, and told to a logger once for each
// reason.
func TestRefused(t *testing.T) {
	var log bytes.Buffer
	loss, p := newBowl(), newParam("w", tensor.Float64, []int{2}, []float64{1, 2})
	s := l4.NewL4Adam(loss, l4.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	model := []*param{p}
	stepTimes(t, s, loss, model, 2)
	for range 3 {
		*loss.F64 = gorgonia.F64(math.NaN())
		first, second := s.Step(valueGrads(model)), s.Step(valueGrads(model))
		if first == nil || second == nil || first.Error() != second.Error() {
			t.Errorf("errors %v and %v", first, second)
		}
		_ = s.Step(nil)
	}
	stepTimes(t, s, loss, model, 1)
	if got := s.Last(); got.Refused != 9 || got.Step != 3 {
		t.Errorf("%+v", got)
	}
	if lines := strings.Split(strings.TrimSpace(log.String()), "\n"); len(lines) != 2 ||
		!strings.Contains(
			lines[0],
			"step=3",
		) || !strings.Contains(lines[0], "loss is NaN") ||
		!strings.Contains(lines[1], "0 parameters") {
		t.Errorf("logged:\n%s", log.String())
	}
}

// TestSchedules: a decay and a cap for each step, and parameters that do not decay.
func TestSchedules(t *testing.T) {
	for _, dt := range dtypes {
		w, bias := newParam(
			"w",
			dt,
			[]int{2, 1},
			[]float64{1, 2},
		), newParam(
			"bias",
			dt,
			[]int{2},
			[]float64{3, 4},
		)
		rates := []float64{}
		s := l4.NewL4Mom(
			valuer{gorgonia.NewF64(1)},
			l4.WithoutBound(),
			l4.WithWeightDecaySchedule(
				func(step int) float64 { return []float64{0.5, 0, 0.25}[step-1] },
			),
			l4.WithMaxLearnRateSchedule(
				func(step int) float64 { return math.Pow(10, float64(-step-9)) },
			),
			l4.WithWeightDecayOf(
				func(name string, shape []int) bool { return len(shape) > 1 && name == "w" },
			),
			l4.WithRecorder(func(i l4.Info) { rates = append(rates, i.LearnRate) }),
		)
		for range 3 {
			w.setGrad([]float64{1, 1})
			bias.setGrad([]float64{1, 1})
			if err := s.Step(valueGrads([]*param{w, bias})); err != nil {
				t.Fatal(err)
			}
		}
		wantClose(t, weightsOf([]*param{w, bias}), []float64{0.375, 0.75, 3, 4}, 1e-6)
		wantEqual(t, rates, []float64{math.Pow(10, -10), math.Pow(10, -11), math.Pow(10, -12)})
	}
	bad := l4.NewL4Adam(
		valuer{gorgonia.NewF64(1)},
		l4.WithMaxLearnRateSchedule(func(step int) float64 { return float64(2 - step) }),
	)
	p := newParam("w", tensor.Float64, []int{2}, []float64{1, 2})
	p.setGrad([]float64{1, 1})
	if err := bad.Step(valueGrads([]*param{p})); err != nil {
		t.Fatal(err)
	}
	before := numbers(p.w)
	p.setGrad([]float64{1, 1})
	if err := bad.Step(valueGrads([]*param{p})); err == nil ||
		!strings.Contains(err.Error(), "WithMaxLearnRateSchedule: 0 in step 2") {
		t.Errorf("error %v", err)
	}
	wantEqual(t, numbers(p.w), before)
	for name, opt := range map[string]l4.Option{
		"WithMaxLearnRateSchedule": l4.WithMaxLearnRateSchedule(nil),
		"WithWeightDecaySchedule":  l4.WithWeightDecaySchedule(nil),
		"WithWeightDecayOf":        l4.WithWeightDecayOf(nil),
	} {
		if err := l4.NewL4Adam(valuer{}, opt).Step(nil); err == nil ||
			!strings.Contains(err.Error(), fmt.Sprintf("l4: %s: the function is nil", name)) {
			t.Errorf("%s(nil): error %v", name, err)
		}
	}
}
