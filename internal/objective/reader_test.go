package objective_test

import (
	"math"
	"strings"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/objective"
)

// TestLossOfOtherGradients: a loss that is not the one of the gradients is refused, for each way
// that programs come to one.
func TestLossOfOtherGradients(t *testing.T) {
	// build makes a graph over the weight with a sum and its mean, and gives Grad what of chooses.
	build := func(w *tensor.Dense, of func(sum, mean *gorgonia.Node) *gorgonia.Node) (sum,
		mean *gorgonia.Node, model []gorgonia.ValueGrad) {
		g := gorgonia.NewGraph()
		node := gorgonia.NewVector(g, tensor.Float64, gorgonia.WithName("w"),
			gorgonia.WithShape(4), gorgonia.WithValue(w))
		sum = gorgonia.Must(gorgonia.Sum(gorgonia.Must(gorgonia.Square(node))))
		mean = gorgonia.Must(gorgonia.Mul(sum, gorgonia.NewConstant(0.25)))
		run(t, grad(t, of(sum, mean), node), node)
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
		}, "do not belong to this loss"},
		"the sum, with gradients of the mean": {func() (gorgonia.Valuer, []gorgonia.ValueGrad) {
			sum, _, model := build(weights(), ofMean)
			return sum, model
		}, "computed from this loss: call SetLoss"},
		"a part of the loss of the gradients": {func() (gorgonia.Valuer, []gorgonia.ValueGrad) {
			var part *gorgonia.Node
			_, _, model := build(weights(), func(sum, mean *gorgonia.Node) *gorgonia.Node {
				part = sum
				return gorgonia.Must(gorgonia.Add(sum, mean))
			})
			return part, model
		}, "computed from this loss: call SetLoss"},
		"of another graph over the same weights": {func() (gorgonia.Valuer, []gorgonia.ValueGrad) {
			w := weights()
			sum, _, _ := build(w, ofSum)
			_, _, model := build(w, ofSum)
			return sum, model
		}, "another graph than w: call SetLoss"},
		"with a perplexity beside it": {func() (gorgonia.Valuer, []gorgonia.ValueGrad) {
			sum, _, model := build(weights(), func(sum, _ *gorgonia.Node) *gorgonia.Node {
				gorgonia.Must(gorgonia.Exp(sum))
				return sum
			})
			return sum, model
		}, ""},
		"with gradients of twice the loss": {func() (gorgonia.Valuer, []gorgonia.ValueGrad) {
			return propagated(t, weights(), 2)
		}, "the gradients are 2 times the gradients of this loss"},
		"with gradients of once the loss": {func() (gorgonia.Valuer, []gorgonia.ValueGrad) {
			return propagated(t, weights(), 1)
		}, ""},
		"of a function": {func() (gorgonia.Valuer, []gorgonia.ValueGrad) {
			_, mean, model := build(weights(), ofSum)
			return function(mean.Value), model
		}, ""},
	} {
		loss, model := c.make()
		r := objective.Reader{Loss: loss, CheckOps: true}
		_, _, err := r.Read(model)
		if c.want == "" && err != nil ||
			c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
}

// function is a loss that a function returns.
type function func() gorgonia.Value

func (f function) Value() gorgonia.Value { return f() }

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
	run(t, sum, node)
	return sum, gorgonia.NodesToValueGrads(weights)
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
			reshaped := gorgonia.Must(gorgonia.Reshape(l, tensor.Shape{1, 1}))
			gorgonia.Must(gorgonia.Mul(reshaped, gorgonia.NewConstant(3.0)))
		},
	}
	for name, use := range uses {
		for _, kind := range []string{"scalar", "(1)", "(1,1)"} {
			t.Run(kind+"/"+name, func(t *testing.T) {
				read := func(readLoss string) (float64, error) {
					must := gorgonia.Must
					g := gorgonia.NewGraph()
					matrix := func(name string, rows, columns int, xs []float64) *gorgonia.Node {
						shape := tensor.WithShape(rows, columns)
						return gorgonia.NewMatrix(g, tensor.Float64, gorgonia.WithName(name),
							gorgonia.WithShape(rows, columns),
							gorgonia.WithValue(tensor.New(shape, tensor.WithBacking(xs))))
					}
					x := matrix("x", 1, 3, []float64{1, 2, 3})
					w := matrix("w", 3, 1, []float64{.1, .2, .3})
					square := must(gorgonia.Square(must(gorgonia.Mul(x, w))))
					cost := must(gorgonia.Sum(square))
					loss := map[string]*gorgonia.Node{"scalar": cost,
						"(1)": must(gorgonia.Sum(square, 1)), "(1,1)": square}[kind]
					var source gorgonia.Valuer = loss
					if readLoss == "before its uses" {
						source = objective.NewCopy(loss)
					}
					use(loss)
					if readLoss == "after its uses" {
						source = objective.NewCopy(loss)
					}
					run(t, grad(t, cost, w), w)
					r := objective.Reader{Loss: source}
					got, _, err := r.Read([]gorgonia.ValueGrad{w})
					return got, err
				}
				got, err := read("never")
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
						if got, err := read(order); err == nil {
							t.Errorf("through ReadLoss %s: %v without an error", order, got)
						}
					}
					return
				}
				if err != nil && !strings.Contains(err.Error(), "ReadLoss") {
					t.Errorf("the error does not tell the remedy: %v", err)
				}
				for _, order := range orders {
					if got, err := read(order); err != nil || math.Abs(got-lossValue) > 1e-12 {
						t.Errorf("through ReadLoss %s: %v, %v", order, got, err)
					}
				}
			})
		}
	}
}
