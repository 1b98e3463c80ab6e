package l4_test

import (
	"context"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/bind/bindtest"
)

// TestMain removes the log lines about rejected steps from the output of the tests.
func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(quiet{slog.NewTextHandler(os.Stderr, nil)}))
	os.Exit(m.Run())
}

// quiet discards the log of l4.
type quiet struct{ slog.Handler }

func (q quiet) Handle(ctx context.Context, r slog.Record) error {
	if strings.HasPrefix(r.Message, "l4 ") {
		return nil
	}
	return q.Handler.Handle(ctx, r)
}

var dtypes = []tensor.Dtype{tensor.Float32, tensor.Float64}

// valuer is a loss that a test sets.
type valuer struct{ v gorgonia.Value }

func (v valuer) Value() gorgonia.Value { return v.v }

// param is a gorgonia.ValueGrad that is not a node.
type param struct {
	name string
	w, g gorgonia.Value
	err  error
}

func (p *param) Name() string                  { return p.name }
func (p *param) Value() gorgonia.Value         { return p.w }
func (p *param) Grad() (gorgonia.Value, error) { return p.g, p.err }

// setGrad and setWeight set the elements in row-major order.
func (p *param) setGrad(xs []float64) { setNumbers(p.g, xs) }

func (p *param) setWeight(xs []float64) { setNumbers(p.w, xs) }

func newParam(name string, dt tensor.Dtype, shape []int, w []float64) *param {
	return &param{
		name: name,
		w:    tensor.New(tensor.WithShape(shape...), tensor.WithBacking(backing(dt, w))),
		g:    tensor.New(tensor.WithShape(shape...), tensor.Of(dt)),
	}
}

func newScalar(dt tensor.Dtype) gorgonia.Value {
	if dt == tensor.Float64 {
		return gorgonia.NewF64(0)
	}
	return gorgonia.NewF32(0)
}

// backing converts numbers to a slice of the dtype.
func backing(dt tensor.Dtype, xs []float64) any {
	if dt == tensor.Float64 {
		return append([]float64{}, xs...)
	}
	ys := make([]float32, len(xs))
	for i, x := range xs {
		ys[i] = float32(x)
	}
	return ys
}

func stateModel(dt tensor.Dtype) []*param {
	return []*param{
		newParam("matrix", dt, []int{3, 4}, ramp(12, 1)),
		{name: "scalar", w: newScalar(dt), g: newScalar(dt)},
		newParam("größe", dt, []int{5}, ramp(5, 2)),
	}
}

// mixedModel returns a model with a view, a float64 vector, and a scalar. The view and the scalar
// have the given dtype.
func mixedModel(dt tensor.Dtype) []*param {
	whole := newParam("", dt, []int{6, 5}, ramp(30, 3)).w.(*tensor.Dense)
	view, err := whole.Slice(tensor.S(1, 4), tensor.S(0, 3))
	if err != nil {
		panic(err)
	}
	return []*param{
		{name: "view", w: view.(*tensor.Dense), g: newParam("", dt, []int{3, 3}, ramp(9, 1)).g},
		newParam("vector", tensor.Float64, []int{4}, ramp(4, 2)),
		{name: "scalar", w: newScalar(dt), g: newScalar(dt)},
	}
}

func setNumbers(v gorgonia.Value, xs []float64) { bindtest.SetNumbers(v, xs) }

// numbers returns the elements of a value in row-major order.
func numbers(v gorgonia.Value) []float64 { return bindtest.Numbers(v) }

// eachNumber calls f with each element in row-major order, and stores the value that f leaves in
// *x.
func eachNumber(v gorgonia.Value, f func(x *float64)) { bindtest.Each(v, f) }

// cloneOf returns a copy of v.
func cloneOf(v gorgonia.Value) gorgonia.Value {
	c, err := gorgonia.CloneValue(v)
	if err != nil {
		panic(err)
	}
	return c
}

func valueGrads(model []*param) []gorgonia.ValueGrad {
	vs := make([]gorgonia.ValueGrad, len(model))
	for i, p := range model {
		vs[i] = p
	}
	return vs
}

func weightsOf(model []*param) []float64 {
	var all []float64
	for _, p := range model {
		all = append(all, numbers(p.w)...)
	}
	return all
}

func gradOf(p gorgonia.ValueGrad) gorgonia.Value {
	g, _ := p.Grad()
	return g
}

// ramp returns n different numbers.
func ramp(n int, seed uint64) []float64 {
	r := rand.New(rand.NewPCG(seed, 1))
	xs := make([]float64, n)
	for i := range xs {
		xs[i] = r.NormFloat64()
	}
	return xs
}

func scaled(xs []float64, by float64) []float64 {
	out := make([]float64, len(xs))
	for i, x := range xs {
		out[i] = by * x
	}
	return out
}

func dot(a, b []float64) (sum float64) {
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}

func wantEqual(t *testing.T, got, want []float64) {
	t.Helper()
	if len(got) == 0 || len(got) != len(want) {
		t.Fatalf("%d numbers, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("number %d: %v, want %v", i, got[i], want[i])
		}
	}
}

func wantClose(t *testing.T, got, want []float64, tolerance float64) {
	t.Helper()
	errs := worst{}
	errs.addAll("weights", got, want)
	errs.check(t, tolerance, "weights")
}

// worst holds the largest relative error of each quantity.
type worst map[string]float64

func (w worst) add(name string, got, want float64) { w.addScaled(name, got, want, math.Abs(want)) }

// addScaled adds an error relative to the given scale.
func (w worst) addScaled(name string, got, want, scale float64) {
	if got == want {
		return
	}
	rel := math.Abs(got-want) / scale
	if math.IsNaN(rel) {
		rel = math.Inf(1)
	}
	w[name] = max(w[name], rel)
}

// addAll adds the errors of weights relative to the largest weight of their tensor.
func (w worst) addAll(name string, got, want []float64) {
	scale := 0.0
	for _, x := range want {
		scale = max(scale, math.Abs(x))
	}
	for i := range want {
		w.addScaled(name, got[i], want[i], scale)
	}
}

func (w worst) check(t *testing.T, tolerance float64, names ...string) {
	t.Helper()
	for _, name := range names {
		t.Logf("%s: largest relative error %.2g, allowed %.0g", name, w[name], tolerance)
		if w[name] > tolerance {
			t.Errorf("%s: relative error %.3g above %g", name, w[name], tolerance)
		}
	}
}
