package l4_test

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
)

// TestBatches: micro-batches, replicas that run at the same time, and both together follow the
// trajectory of one large batch.
func TestBatches(t *testing.T) {
	const steps = 25
	for name, newSolver := range solvers {
		for _, dt := range dtypes {
			for _, dual := range []bool{true, false} {
				whole := fitWeights(dt)
				f := newFit(t, dt, whole, 8, dual)
				s := newSolver(f.loss)
				for step := range steps {
					if err := errors.Wrap(f.eval(dt, step, 0), "run"); err != nil {
						t.Fatal(err)
					}
					if err := s.Step(f.model); err != nil {
						t.Fatal(err)
					}
				}
				want := append(numbers(whole[0]), numbers(whole[1])...)
				for _, c := range []struct {
					replicas, micro int
				}{{1, 1}, {1, 4}, {2, 1}, {2, 2}, {4, 2}} {
					t.Run(
						fmt.Sprintf(
							"%s/%v/dual %v/%d replicas of %d batches",
							name,
							dt,
							dual,
							c.replicas,
							c.micro,
						),
						func(t *testing.T) {
							weights := fitWeights(dt)
							rows := 8 / (c.replicas * c.micro)
							var replicas []*fit
							for range c.replicas {
								replicas = append(
									replicas,
									newFit(t, dt, views(weights), rows, dual),
								)
							}
							batches := new(l4.Batches)
							s := newSolver(batches)
							for step := range steps {
								for m := range c.micro {
									var running sync.WaitGroup
									fails := make([]error, c.replicas)
									for r, f := range replicas {
										running.Go(
											func() {
												fails[r] = f.eval(dt, step, (m*c.replicas+r)*rows)
											},
										)
									}
									running.Wait()
									for r, f := range replicas {
										if fails[r] != nil {
											t.Fatal(fails[r])
										}
										if err := batches.Add(f.loss, f.model); err != nil {
											t.Fatal(err)
										}
									}
								}
								if err := s.Step(batches.Model()); err != nil {
									t.Fatal(err)
								}
							}
							tolerance := 1e-11
							if dt == tensor.Float32 {
								tolerance = 1e-3
							}
							wantClose(
								t,
								append(numbers(weights[0]), numbers(weights[1])...),
								want,
								tolerance,
							)
						},
					)
				}
			}
		}
	}
}

// TestBatchesOfLargeTensors: every element of the mean gradient is right if a tensor spans several
// blocks.
func TestBatchesOfLargeTensors(t *testing.T) {
	const n = 20_000
	for _, dt := range dtypes {
		p, loss := newParam("w", dt, []int{n}, ramp(n, 1)), newScalar(dt)
		var b l4.Batches
		want := make([]float64, n)
		for seed := range uint64(4) {
			p.setGrad(ramp(n, seed))
			for i, g := range numbers(p.g) {
				want[i] += g / 4
			}
			if err := b.Add(valuer{loss}, valueGrads([]*param{p})); err != nil {
				t.Fatal(err)
			}
		}
		tolerance := 1e-15
		if dt == tensor.Float32 {
			tolerance = 1e-7
		}
		wantClose(t, numbers(gradOf(b.Model()[0])), want, tolerance)
	}
}

// TestBatchesWeights: Model has the weights of the replica that the first Add of this step got.
func TestBatchesWeights(t *testing.T) {
	var b l4.Batches
	replicas := make([]*param, 2)
	for i := range replicas {
		replicas[i] = newParam("w", tensor.Float64, []int{2}, []float64{float64(i), 1})
	}
	for step := range 4 {
		for i := range replicas {
			p := replicas[(step+i)%2]
			if err := b.Add(valuer{gorgonia.NewF64(1)}, valueGrads([]*param{p})); err != nil {
				t.Fatal(err)
			}
		}
		if got := b.Model()[0].Value(); got != replicas[step%2].w {
			t.Errorf("step %d: the weights are %v, want replica %d's weights", step, got, step%2)
		}
	}
}

// TestBatchesMean: loss and gradients are means over the batches since the last step, also for
// scalars, views and a gradient that two parameters share. Add zeroes the gradients of the batches.
func TestBatchesMean(t *testing.T) {
	for _, dt := range dtypes {
		shared := newParam("shared", dt, []int{2}, []float64{1, 2})
		scalar := &param{name: "scalar", w: newScalar(dt), g: newScalar(dt)}
		grads := tensor.New(tensor.WithShape(2, 2), tensor.Of(dt))
		column, err := grads.Slice(nil, tensor.S(1))
		if err != nil {
			t.Fatal(err)
		}
		view := newParam("view", dt, []int{2}, []float64{3, 4})
		view.g = column.(*tensor.Dense)
		other := newParam("other", dt, []int{2}, []float64{1, 2})
		other.g = shared.g
		model := []*param{shared, scalar, view, other}
		loss := newScalar(dt)
		var b l4.Batches
		if b.Value() != nil || len(b.Model()) != 0 {
			t.Errorf("without batches: loss %v, model %v", b.Value(), b.Model())
		}
		for round := range 3 {
			k := float64(round)
			for _, x := range []float64{1, 2, 6} {
				setNumbers(loss, []float64{x + k})
				shared.setGrad([]float64{x, -x})
				scalar.setGrad([]float64{10 * x})
				setNumbers(view.g, []float64{x + 1, x + 2})
				if err := b.Add(valuer{loss}, valueGrads(model)); err != nil {
					t.Fatal(err)
				}
				wantEqual(t, numbers(shared.g), []float64{0, 0})
				wantEqual(t, numbers(grads), make([]float64, 4))
			}
			if b.Value().Dtype() != dt {
				t.Errorf("the mean loss is %v, the losses are %v", b.Value().Dtype(), dt)
			}
			wantEqual(t, numbers(b.Value()), []float64{3 + k})
			for range 2 { // asked twice, it divides once
				got := b.Model()
				wantEqual(t, numbers(gradOf(got[0])), []float64{3, -3})
				wantEqual(t, numbers(gradOf(got[1])), []float64{30})
				wantEqual(t, numbers(gradOf(got[2])), []float64{4, 5})
				wantEqual(t, numbers(gradOf(got[3])), []float64{3, -3})
				for i, p := range got {
					if p.Value() != model[i].w || p.(gorgonia.Namer).Name() != model[i].name {
						t.Errorf("parameter %d is %v", i, p)
					}
				}
			}
		}
	}
}

// TestBatchesErrors: a mistake is an error and does not change anything.
func TestBatchesErrors(t *testing.T) {
	good := func() []*param {
		ps := []*param{
			newParam("a", tensor.Float64, []int{2}, []float64{1, 2}),
			newParam("b", tensor.Float64, []int{1}, []float64{1}),
		}
		ps[0].setGrad([]float64{1, 1})
		return ps
	}
	one := valuer{gorgonia.NewF64(1)}
	for name, add := range map[string]func(b *l4.Batches) error{
		"nil loss": func(b *l4.Batches) error { return b.Add(nil, valueGrads(good())) },
		"no value": func(b *l4.Batches) error { return b.Add(valuer{}, valueGrads(good())) },
		"fewer":    func(b *l4.Batches) error { return b.Add(one, valueGrads(good()[:1])) },
		"nil": func(b *l4.Batches) error {
			return b.Add(one, []gorgonia.ValueGrad{good()[0], nil})
		},
		"other shape": func(b *l4.Batches) error {
			return b.Add(one, valueGrads([]*param{good()[0], good()[0]}))
		},
		"other dtype": func(b *l4.Batches) error {
			return b.Add(one, valueGrads([]*param{good()[0],
				newParam("b", tensor.Float32, []int{1}, []float64{1})}))
		},
		"no gradient": func(b *l4.Batches) error {
			m := good()
			m[1].err = errors.New("none")
			return b.Add(one, valueGrads(m))
		},
	} {
		var b l4.Batches
		if add(&b) == nil && name != "fewer" && name != "other shape" &&
			name != "other dtype" { // which a first batch may be
			t.Errorf("%s: no error from the first batch", name)
		}
		b = l4.Batches{}
		m := good()
		if err := b.Add(one, valueGrads(m)); err != nil {
			t.Fatal(err)
		}
		if add(&b) == nil {
			t.Errorf("%s: no error", name)
		}
		wantEqual(t, numbers(b.Value()), []float64{1})
		wantEqual(t, numbers(gradOf(b.Model()[0])), []float64{1, 1})
	}
}

// TestBatchesReject: Add rejects the models that Step rejects, and does not write anything.
func TestBatchesReject(t *testing.T) {
	one := valuer{gorgonia.NewF64(1)}
	model := func() []*param {
		return []*param{
			newParam("a", tensor.Float64, []int{2}, []float64{1, 2}),
			newParam("b", tensor.Float64, []int{2}, []float64{3, 4}),
		}
	}
	shared := model()
	shared[1].g = shared[0].w
	var b l4.Batches
	if err := b.Add(one, valueGrads(shared)); err == nil ||
		!strings.Contains(err.Error(), "l4: a shares memory with the gradient of b") {
		t.Errorf("a weight that is a gradient: error %v", err)
	}
	wantEqual(t, weightsOf(shared), []float64{1, 2, 3, 4})

	first, swapped := model(), model()
	if err := b.Add(one, valueGrads(first)); err != nil {
		t.Fatal(err)
	}
	swapped[0], swapped[1] = swapped[1], swapped[0]
	swapped[0].setGrad([]float64{5, 6})
	if err := b.Add(one, valueGrads(swapped)); !errors.Is(err, l4.ErrModelChanged) {
		t.Errorf("a model in another order: error %v", err)
	}
	wantEqual(t, numbers(swapped[0].g), []float64{5, 6})
}

// TestBatchesNaN: a micro-batch that is not finite makes Step reject the step.
func TestBatchesNaN(t *testing.T) {
	var b l4.Batches
	s := l4.NewL4Adam(&b)
	m := []*param{newParam("w", tensor.Float64, []int{2}, []float64{1, 2})}
	for _, step := range []struct {
		a, b, want float64
	}{{1, 2, 1.5}, {1, math.NaN(), 0}, {3, 4, 3.5}} {
		for _, g := range []float64{step.a, step.b} {
			m[0].setGrad([]float64{g, g})
			if err := b.Add(valuer{gorgonia.NewF64(1)}, valueGrads(m)); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Step(b.Model()); errors.Is(err, l4.ErrNonFinite) != (step.want == 0) {
			t.Errorf("%+v: error %v", step, err)
		}
	}
	if s.Last().Step != 2 {
		t.Errorf("%+v", s.Last())
	}
}

// TestBatchesAfterFailure: if the first Add fails, a later Add accepts another model.
func TestBatchesAfterFailure(t *testing.T) {
	one := valuer{gorgonia.NewF64(1)}
	bad := newParam("w", tensor.Float64, []int{1}, []float64{1})
	bad.err = errors.New("none")
	var b l4.Batches
	if b.Add(one, []gorgonia.ValueGrad{bad}) == nil {
		t.Fatal("no error")
	}
	if err := b.Add(one, valueGrads([]*param{newParam("a", tensor.Float32, []int{2},
		[]float64{1, 2}), newParam("b", tensor.Float64, []int{1}, []float64{1})})); err != nil {
		t.Error(err)
	}
}

// TestBatchesOfTwoDtypes: the mean of losses is a float32 if at least one loss of this step is a
// float32.
func TestBatchesOfTwoDtypes(t *testing.T) {
	w := newParam("w", tensor.Float64, []int{1}, []float64{1})
	var b l4.Batches
	for _, step := range []struct {
		dtypes []tensor.Dtype
		want   tensor.Dtype
	}{
		{[]tensor.Dtype{tensor.Float32, tensor.Float64}, tensor.Float32},
		{[]tensor.Dtype{tensor.Float64, tensor.Float64}, tensor.Float64},
		{[]tensor.Dtype{tensor.Float64, tensor.Float32}, tensor.Float32},
	} {
		for _, dt := range step.dtypes {
			if err := b.Add(valuer{newScalar(dt)}, []gorgonia.ValueGrad{w}); err != nil {
				t.Fatal(err)
			}
		}
		b.Model()
		if got := b.Value().Dtype(); got != step.want {
			t.Errorf("losses of %v: mean of %v", step.dtypes, got)
		}
	}
}

// TestHiddenLossOfBatches: a solver without a loss uses the mean loss of the batches.
func TestHiddenLossOfBatches(t *testing.T) {
	dt := tensor.Float64
	f := newFit(t, dt, fitWeights(dt), 2, true)
	batches, solver := new(l4.Batches), l4.NewL4Adam(nil)
	for step := range 3 {
		for from := range 4 {
			if err := f.eval(dt, step, 2*from); err != nil {
				t.Fatal(err)
			}
			if err := batches.Add(nil, f.model); err != nil {
				t.Fatal(err)
			}
		}
		if err := solver.Step(batches.Model()); err != nil {
			t.Fatal(err)
		}
		if want := numbers(batches.Value())[0]; solver.Last().Loss != want {
			t.Errorf("loss %v, want the mean %v", solver.Last().Loss, want)
		}
	}
}
