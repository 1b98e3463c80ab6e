package nn_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
	"github.com/l4-go/l4/internal/op/optest"
	"github.com/l4-go/l4/nn"
)

// function applies an operation of Gorgonia to positive numbers.
type function struct {
	shape tensor.Shape
	of    func(x *gorgonia.Node) *gorgonia.Node
	lisp  bool // a Lisp machine differentiates it
}

// run evaluates a loss and its gradient with the machine of f, and makes a step with them. err is
// the error of the step.
func (f function) run(t *testing.T, xs []float64, opts ...l4.Option) (loss float64, grad []float64,
	err error) {
	t.Helper()
	x := valued(gorgonia.NewGraph(), "x", slices.Clone(xs), f.shape...)
	y := f.of(x)
	if y.Dims() > 0 {
		y = must(optest.Weighted(y, nil))
	}
	if err := f.machine(t, y, x).RunAll(); err != nil {
		t.Fatal(err)
	}
	v, err := x.Grad()
	if err != nil {
		t.Fatal(err)
	}
	loss, grad = optest.Floats(y.Value())[0], append(grad, optest.Floats(v)...)
	err = l4.NewL4Adam(y, opts...).Step(gorgonia.NodesToValueGrads(gorgonia.Nodes{x}))
	return loss, grad, err
}

func (f function) machine(t *testing.T, loss, x *gorgonia.Node) gorgonia.VM {
	t.Helper()
	if !f.lisp {
		return differentiated(t, loss, x)
	}
	vm := gorgonia.NewLispMachine(x.Graph())
	t.Cleanup(func() { vm.Close() })
	return vm
}

// check compares the gradient with central differences and reports whether they agree. err is the
// error of a step.
func (f function) check(t *testing.T) (right bool, err error) {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	xs := make([]float64, f.shape.TotalSize())
	for i := range xs {
		xs[i] = 0.3 + math.Abs(r.NormFloat64())
	}
	const h = 1e-5
	_, grad, err := f.run(t, xs)
	right = true
	for i, x := range xs {
		xs[i] = x + h
		up, _, _ := f.run(t, xs)
		xs[i] = x - h
		down, _, _ := f.run(t, xs)
		xs[i] = x
		want := (up - down) / (2 * h)
		right = right && near(grad[i], want, 1e-6*(1+math.Abs(want)))
	}
	return right, err
}

func constantOf(x *gorgonia.Node, shape ...int) *gorgonia.Node {
	xs := make([]float64, tensor.Shape(shape).TotalSize())
	for i := range xs {
		xs[i] = 0.5 + float64(i%7)/4
	}
	return valued(x.Graph(), "c", xs, shape...)
}

func swapped(x *gorgonia.Node) *gorgonia.Node { return must(gorgonia.Transpose(x, 0, 1, 3, 2)) }

// pooled computes means over 2×2 elements of two channels by a convolution.
func pooled(x *gorgonia.Node) *gorgonia.Node {
	filter := valued(x.Graph(), "filter",
		[]float64{.25, .25, .25, .25, 0, 0, 0, 0, 0, 0, 0, 0, .25, .25, .25, .25}, 2, 2, 2, 2)
	return must(gorgonia.Conv2d(x, filter, tensor.Shape{2, 2}, []int{0, 0}, []int{2, 2},
		[]int{1, 1}))
}

func ctc(reduction gorgonia.Reduction) func(x *gorgonia.Node) *gorgonia.Node {
	return func(x *gorgonia.Node) *gorgonia.Node {
		g := x.Graph()
		return must(gorgonia.CTCLoss(must(gorgonia.LogSoftMax(x)),
			valued(g, "targets", []int{1, 2}, 1, 2), valued(g, "lengths", []int{4}, 1),
			valued(g, "target lengths", []int{2}, 1), reduction))
	}
}

// along returns a function that reduces its argument over axes.
func along(f func(*gorgonia.Node, ...int) (*gorgonia.Node, error),
	axes ...int) func(x *gorgonia.Node) *gorgonia.Node {
	return func(x *gorgonia.Node) *gorgonia.Node { return must(f(x, axes...)) }
}

// selected returns a function that selects elements of an axis.
func selected(axis int, indices ...int) func(x *gorgonia.Node) *gorgonia.Node {
	return func(x *gorgonia.Node) *gorgonia.Node {
		i := valued(x.Graph(), "indices", indices, len(indices))
		return must(gorgonia.ByIndices(x, i, axis))
	}
}

// TestWrongGradients checks for each operation that Gorgonia's gradient is wrong, that a step is an
// error that names a replacement, and that the gradient of the replacement is right.
func TestWrongGradients(t *testing.T) {
	images := tensor.Shape{2, 3, 4, 5}
	normal := func(x *gorgonia.Node) *gorgonia.Node {
		scale := constantOf(x, 1, 4, 1, 1)
		return must(gorgonia.GroupNorm(x, scale, scale, 2, 4, 1e-5))
	}
	for name, c := range map[string]struct {
		wrong   function
		instead func(x *gorgonia.Node) *gorgonia.Node // with a tape machine
		want    string                                // part of the error
	}{
		"Log2": {function{shape: tensor.Shape{3}, of: func(x *gorgonia.Node) *gorgonia.Node {
			return must(gorgonia.Log2(x))
		}}, func(x *gorgonia.Node) *gorgonia.Node {
			return must(gorgonia.Mul(must(gorgonia.Log(x)), gorgonia.NewConstant(1/math.Ln2)))
		}, "use Log, times 1/ln 2"},
		"InverseSqrt": {function{shape: tensor.Shape{3}, of: func(x *gorgonia.Node) *gorgonia.Node {
			return must(gorgonia.InverseSqrt(x))
		}}, func(x *gorgonia.Node) *gorgonia.Node {
			return must(gorgonia.Inverse(must(gorgonia.Sqrt(x))))
		}, "use Inverse of Sqrt"},
		"AveragePool2D": {function{shape: tensor.Shape{1, 2, 4, 4},
			of: func(x *gorgonia.Node) *gorgonia.Node {
				return must(gorgonia.AveragePool2D(x, tensor.Shape{2, 2}, []int{0, 0}, []int{2, 2}))
			}}, pooled, "use Conv2d"},
		"Sparsemax over the first axis": {function{shape: tensor.Shape{4, 5},
			of: along(gorgonia.Sparsemax, 0)}, func(x *gorgonia.Node) *gorgonia.Node {
			return must(gorgonia.Transpose(must(gorgonia.Sparsemax(must(gorgonia.Transpose(x))))))
		}, "use Transpose"},
		"OuterProd": {function{shape: tensor.Shape{3}, of: func(x *gorgonia.Node) *gorgonia.Node {
			return must(gorgonia.OuterProd(x, constantOf(x, 3)))
		}}, func(x *gorgonia.Node) *gorgonia.Node {
			column := must(gorgonia.Reshape(x, tensor.Shape{3, 1}))
			return must(gorgonia.Mul(column, constantOf(x, 1, 3)))
		}, "use Mul of a column and a row"},
		"ByIndices over the last axis": {function{shape: tensor.Shape{2, 3}, of: selected(1, 2, 0)},
			func(x *gorgonia.Node) *gorgonia.Node {
				return must(gorgonia.Transpose(selected(0, 2, 0)(must(gorgonia.Transpose(x)))))
			}, "use Transpose before and after"},
		"ByIndices of a vector": {function{shape: tensor.Shape{6}, of: selected(0, 4, 0)},
			func(x *gorgonia.Node) *gorgonia.Node {
				one := valued(x.Graph(), "one-hot", []float64{0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0}, 2, 6)
				return must(gorgonia.Mul(one, x))
			}, "Mul with a one-hot matrix"},
		"CTCLoss": {function{shape: tensor.Shape{4, 1, 3}, of: ctc(gorgonia.ReductionMean)},
			ctc(gorgonia.ReductionSum), "use ReductionSum"},
		"Sum over 2": {function{shape: images, of: along(gorgonia.Sum, 2)},
			func(x *gorgonia.Node) *gorgonia.Node { return must(gorgonia.Sum(swapped(x), 3)) },
			"use Transpose before"},
		"Sum over 2 and 3": {function{shape: images, of: along(gorgonia.Sum, 2, 3)},
			func(x *gorgonia.Node) *gorgonia.Node {
				return must(gorgonia.Sum(must(gorgonia.Sum(x, 3)), 2))
			}, "one axis at a time, the last axis first"},
		"Mean over 2 and 3": {function{shape: images, of: along(gorgonia.Mean, 2, 3)},
			func(x *gorgonia.Node) *gorgonia.Node {
				return must(gorgonia.Mean(must(gorgonia.Mean(x, 3)), 2))
			}, "one axis at a time, the last axis first"},
		"Max over 2": {function{shape: images, of: along(gorgonia.Max, 2)},
			func(x *gorgonia.Node) *gorgonia.Node { return must(gorgonia.Max(swapped(x), 3)) },
			"use Transpose before"},
		"Sum over 1 and 3 of five": {function{shape: tensor.Shape{2, 2, 3, 3, 2},
			of: along(gorgonia.Sum, 1, 3)}, nil, "use Transpose before"},
		"Sum over 2, the last of 1": {function{shape: tensor.Shape{2, 3, 4, 1},
			of: along(gorgonia.Sum, 2)}, nil, "use Transpose before"},
		"broadcast along 2": {function{shape: tensor.Shape{2, 3, 1, 5},
			of: func(x *gorgonia.Node) *gorgonia.Node {
				return must(gorgonia.BroadcastAdd(constantOf(x, 2, 3, 4, 5), x, nil, []byte{2}))
			}}, func(x *gorgonia.Node) *gorgonia.Node {
			c := constantOf(x, 2, 3, 5, 4)
			return must(gorgonia.BroadcastAdd(c, swapped(x), nil, []byte{3}))
		}, "use Transpose before"},
		"Max on a Lisp machine": {function{tensor.Shape{2, 3}, along(gorgonia.Max, 1), true},
			along(gorgonia.Max, 1), "Max is wrong with a Lisp machine: use a tape machine"},
		"MinBetween on a Lisp machine": {function{tensor.Shape{6},
			func(x *gorgonia.Node) *gorgonia.Node {
				return must(gorgonia.MinBetween(x, constantOf(x, 6)))
			}, true}, nil, "use a tape machine"},
		"MaxBetween on a Lisp machine": {function{tensor.Shape{6},
			func(x *gorgonia.Node) *gorgonia.Node {
				return must(gorgonia.MaxBetween(x, constantOf(x, 6)))
			}, true}, nil, "use a tape machine"},
		"Upsample2D on a Lisp machine": {function{tensor.Shape{1, 2, 2, 2},
			func(x *gorgonia.Node) *gorgonia.Node { return must(gorgonia.Upsample2D(x, 2)) }, true},
			nil, "use a tape machine"},
		"GroupNorm on a Lisp machine": {function{tensor.Shape{2, 4, 3, 3}, normal, true}, normal,
			"use a tape machine"},
	} {
		t.Run(name, func(t *testing.T) {
			right, err := c.wrong.check(t)
			if right {
				t.Error(fixed + "the gradient is right, and l4 should accept it")
			}
			if err == nil || !strings.Contains(err.Error(), c.want) ||
				!strings.Contains(err.Error(), "WithUncheckedOps") {
				t.Errorf("error %v, want one with %q and WithUncheckedOps", err, c.want)
			}
			xs := make([]float64, c.wrong.shape.TotalSize())
			for i := range xs {
				xs[i] = float64(1 + i%5)
			}
			if _, _, err := c.wrong.run(t, xs, l4.WithUncheckedOps()); err != nil {
				t.Errorf("WithUncheckedOps: error %v, want nil", err)
			}
			if c.instead == nil {
				return
			}
			if right, err := (function{shape: c.wrong.shape, of: c.instead}).check(t); !right ||
				err != nil {
				t.Errorf("the replacement: gradient right %v, error %v, want true, nil", right, err)
			}
		})
	}
}

// TestRightGradients checks that operations with right gradients are accepted, although they are
// similar to operations with wrong ones.
func TestRightGradients(t *testing.T) {
	images := tensor.Shape{2, 3, 4, 5}
	for name, f := range map[string]function{
		"Sum":                      {shape: images, of: along(gorgonia.Sum)},
		"Sum over 0":               {shape: images, of: along(gorgonia.Sum, 0)},
		"Sum over 1":               {shape: images, of: along(gorgonia.Sum, 1)},
		"Sum over 3":               {shape: images, of: along(gorgonia.Sum, 3)},
		"Sum over 0, 2":            {shape: images, of: along(gorgonia.Sum, 0, 2)},
		"Sum over 1, 2":            {shape: images, of: along(gorgonia.Sum, 1, 2)},
		"Sum over 0, 2, 3":         {shape: images, of: along(gorgonia.Sum, 0, 2, 3)},
		"Sum over 2 of size 2":     {shape: tensor.Shape{2, 3, 2, 5}, of: along(gorgonia.Sum, 2)},
		"Sum over 2 of one block":  {shape: tensor.Shape{2, 1, 4, 5}, of: along(gorgonia.Sum, 2)},
		"Sum over 1 of three":      {shape: tensor.Shape{2, 3, 4}, of: along(gorgonia.Sum, 1)},
		"Max over 1":               {shape: images, of: along(gorgonia.Max, 1)},
		"Sparsemax":                {shape: tensor.Shape{4, 5}, of: along(gorgonia.Sparsemax)},
		"Sparsemax over the last":  {shape: tensor.Shape{4, 5}, of: along(gorgonia.Sparsemax, 1)},
		"ByIndices":                {shape: tensor.Shape{4, 3}, of: selected(0, 2, 0, 2, 3, 1)},
		"ByIndices of all columns": {shape: tensor.Shape{3, 4}, of: selected(1, 3, 0, 2, 3)},
		"Log2 with a Lisp machine": {tensor.Shape{2, 3}, along(unary(gorgonia.Log2)), true},
		"MinBetween": {shape: tensor.Shape{6}, of: func(x *gorgonia.Node) *gorgonia.Node {
			return must(gorgonia.MinBetween(x, constantOf(x, 6)))
		}},
		"broadcast along 0, 2, 3": {shape: tensor.Shape{1, 3, 1, 1},
			of: func(x *gorgonia.Node) *gorgonia.Node {
				return must(gorgonia.BroadcastAdd(constantOf(x, 2, 3, 4, 5), x, nil,
					[]byte{0, 2, 3}))
			}},
		"a wrong sum of data": {shape: tensor.Shape{2, 3, 5},
			of: func(x *gorgonia.Node) *gorgonia.Node {
				data := must(gorgonia.Sum(constantOf(x, 2, 3, 4, 5), 2))
				return must(gorgonia.HadamardProd(x, data))
			}},
		"Log2 beside the loss": {shape: tensor.Shape{3}, of: func(x *gorgonia.Node) *gorgonia.Node {
			must(gorgonia.Log2(x))
			return must(gorgonia.Square(x))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			if right, err := f.check(t); !right || err != nil {
				t.Errorf("gradient right %v, error %v, want true, nil", right, err)
			}
		})
	}
}

// unary adapts a function of one node to along. It ignores the axes.
func unary(f func(*gorgonia.Node) (*gorgonia.Node, error)) func(*gorgonia.Node,
	...int) (*gorgonia.Node, error) {
	return func(x *gorgonia.Node, _ ...int) (*gorgonia.Node, error) { return f(x) }
}

// TestGorgoniaDropoutIsRejected checks that a step is an error if the gradient passes Gorgonia's
// Dropout, unless its probability is 0.5, where the gradient is right. Dropout of data is accepted.
func TestGorgoniaDropoutIsRejected(t *testing.T) {
	const size = 40
	apply := func(p float64, ofData bool) (gradient, factors []float64, err error) {
		g := gorgonia.NewGraph()
		ones := slices.Repeat([]float64{1}, size)
		x := matrix(g, tensor.Float64, "x", 1, ones)
		data := matrix(g, tensor.Float64, "data", 1, ones)
		var mask gorgonia.Value
		var y *gorgonia.Node
		if ofData {
			out := must(gorgonia.Dropout(data, p))
			gorgonia.Read(out, &mask)
			y = must(gorgonia.HadamardProd(x, out))
		} else {
			y = must(gorgonia.Dropout(x, p))
			gorgonia.Read(y, &mask)
		}
		loss := must(gorgonia.Sum(y))
		if err := differentiated(t, loss, x).RunAll(); err != nil {
			t.Fatal(err)
		}
		v, _ := x.Grad()
		gradient = append(gradient, optest.Floats(v)...)
		factors = append(factors, optest.Floats(mask)...)
		err = l4.NewL4Adam(loss).Step(gorgonia.NodesToValueGrads(gorgonia.Nodes{x}))
		return gradient, factors, err
	}
	for _, p := range []float64{0, 0.005, 0.2, 0.5, 0.8} {
		gradient, factors, err := apply(p, false)
		right := true
		for i := range gradient {
			right = right && near(gradient[i], factors[i], 1e-9)
		}
		if right != (p == 0.5) {
			t.Errorf("%sthe gradient of Dropout with p = %v is right: %v", fixed, p, right)
		}
		if (err == nil) != right ||
			err != nil && !strings.Contains(err.Error(), "use nn.Dropout(x, ") {
			t.Errorf("p = %v: error %v, want one that names nn.Dropout: %v", p, err, !right)
		}
		if _, _, err := apply(p, true); err != nil {
			t.Errorf("p = %v, of data: error %v, want nil", p, err)
		}
	}
}

// TestTargetsHaveNoGradient checks that a step accepts a node that is both logits and targets,
// although the targets have no gradient.
func TestTargetsHaveNoGradient(t *testing.T) {
	f := function{shape: tensor.Shape{2, 3}, of: func(x *gorgonia.Node) *gorgonia.Node {
		h := must(gorgonia.Square(x))
		return must(nn.SoftmaxCrossEntropy(h, h))
	}}
	if _, _, err := f.run(t, []float64{1, 2, 3, 4, 5, 6}); err != nil {
		t.Error(err)
	}
}

// TestDropoutIsAccepted checks that the gradient of nn.Dropout is right, and that a step accepts
// it.
func TestDropoutIsAccepted(t *testing.T) {
	for _, lisp := range []bool{false, true} {
		f := function{tensor.Shape{4}, func(x *gorgonia.Node) *gorgonia.Node {
			return must(nn.Dropout(x, 0.2, 1))
		}, lisp}
		if right, err := f.check(t); !right || err != nil {
			t.Errorf("Lisp machine %v: gradient right %v, error %v, want true, nil", lisp, right,
				err)
		}
	}
}
