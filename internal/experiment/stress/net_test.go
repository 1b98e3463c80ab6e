package stress

import (
	"fmt"
	"math"
	"testing"
)

// checkGradients compares the gradients that forward sets with central differences of the returned
// loss.
func checkGradients(t *testing.T, params []*param[float64], forward func() float64) {
	t.Helper()
	forward()
	var got [][]float64
	for _, p := range params {
		got = append(got, append([]float64(nil), p.g...))
	}
	for i, p := range params {
		largest := 0.0
		for k := range p.w {
			const h = 1e-6
			w := p.w[k]
			p.w[k] = w + h
			up := forward()
			p.w[k] = w - h
			down := forward()
			p.w[k] = w
			want := (up - down) / (2 * h)
			if math.Abs(got[i][k]-want) > 1e-7+1e-5*math.Abs(want) {
				t.Fatalf("parameter %d, element %d: %v, want %v", i, k, got[i][k], want)
			}
			largest = max(largest, math.Abs(want))
		}
		if largest < 1e-5 {
			t.Errorf("parameter %d: no gradient above %v", i, largest)
		}
	}
}

// testInputs returns n rows of inputs, which are the same in each call.
func testInputs[T float](n, in int) []T {
	x := make([]T, n*in)
	for i := range x {
		x[i] = T(math.Sin(float64(3*i)) + 0.1)
	}
	return x
}

func classLoss[T float](a architecture) (net[T], func() float64) {
	const n, in, classes = 5, 9, 4
	model := newNet[T](a, in, classes, random(1, forWeights))
	x, dy, labels := testInputs[T](n, in), make([]T, n*classes), []byte{3, 0, 1, 2, 2}
	return model, func() float64 {
		loss := crossEntropy(model.forward(x, n), labels, dy)
		model.backward(dy)
		return loss
	}
}

var architectures = []architecture{
	{},
	{hidden: []int{7, 5}},
	{hidden: []int{6, 6, 6, 6}, scale: 1.5},
	{hidden: []int{7, 5}, tanh: true},
	{hidden: []int{6, 5}, recurrent: true, tanh: true},
}

func TestGradients(t *testing.T) {
	for _, a := range architectures {
		t.Run(a.String(), func(t *testing.T) {
			model, forward := classLoss[float64](a)
			checkGradients(t, model.params(), forward)
		})
	}
}

// TestBatchNormGradients leaves out the bias before the norm, whose gradient is 0.
func TestBatchNormGradients(t *testing.T) {
	model, forward := classLoss[float64](architecture{hidden: []int{7}, tanh: true, norm: true})
	params := model.params()
	checkGradients(t, append(params[:1:1], params[2:]...), forward)
	for _, g := range params[1].g {
		if math.Abs(g) > 1e-12 {
			t.Errorf("gradient %v of a bias before the norm", g)
		}
	}
	before := forward()
	for i := range params[0].w {
		params[0].w[i] *= 1000
	}
	if after := forward(); math.Abs(after-before) > 1e-3 {
		t.Errorf("loss %v, after scaling the weights before the norm %v", before, after)
	}
}

func TestRegressionGradients(t *testing.T) {
	penalties := map[string]penalty{"squared": squared, "absolute": absolute, "huber": huber}
	for name, p := range penalties {
		t.Run(name, func(t *testing.T) {
			const n, in = 6, 4
			a := architecture{hidden: []int{5}, tanh: true}
			model := newNet[float64](a, in, 2, random(1, forWeights))
			x, targets := testInputs[float64](n, in), testInputs[float64](2*n, 1)
			dy := make([]float64, 2*n)
			targets[3] = 30
			checkGradients(t, model.params(), func() float64 {
				loss := meanPenalty(p, model.forward(x, n), targets, dy)
				model.backward(dy)
				return loss
			})
		})
	}
}

func TestFunctionGradients(t *testing.T) {
	for _, task := range []Task{floorTask("floor", 5, 1, 0), rosenbrockTask(1)} {
		t.Run(task.Name, func(t *testing.T) {
			training, err := task.Start(1)
			if err != nil {
				t.Fatal(err)
			}
			if f, ok := training.(*trainee[float64]); ok {
				checkGradients(t, f.params, func() float64 { return f.forward(1) })
				return
			}
			// The floor is in float32. If all weights except one are 0, gradient and loss are
			// known.
			f := training.(*trainee[float32])
			p := f.params[0]
			for i, h := range []float64{1, math.Sqrt(10), 10, math.Sqrt(1000), 100} {
				clear(p.w)
				p.w[i] = 0.5
				if loss := f.forward(1); math.Abs(loss-(1+h/8)) > 1e-6*h {
					t.Errorf("loss %v, want %v", loss, 1+h/8)
				}
				if g := float64(p.g[i]); math.Abs(g-h/2) > 1e-6*h {
					t.Errorf("gradient %v, want %v", g, h/2)
				}
			}
		})
	}
}

func TestCrossEntropy(t *testing.T) {
	dy := make([]float64, 6)
	logits := []float64{0, 0, 1000, math.Log(2), math.Log(3), math.Log(5)}
	got := crossEntropy(logits, []byte{2, 1}, dy)
	if want := -math.Log(0.3) / 2; math.Abs(got-want) > 1e-12 {
		t.Errorf("loss %v, want %v", got, want)
	}
	for i, want := range []float64{0, 0, 0, 0.1, -0.35, 0.25} {
		if math.Abs(dy[i]-want) > 1e-12 {
			t.Errorf("gradient %d is %v, want %v", i, dy[i], want)
		}
	}
}

// TestDtypesAgree: float32 and float64 agree to float32's precision.
func TestDtypesAgree(t *testing.T) {
	for _, a := range append(architectures, architecture{hidden: []int{6}, norm: true}) {
		wide, wideLoss := classLoss[float64](a)
		narrow, narrowLoss := classLoss[float32](a)
		for i, p := range wide.params() {
			for k, w := range p.w {
				narrow.params()[i].w[k] = float32(w)
			}
		}
		if x, y := wideLoss(), narrowLoss(); math.Abs(x-y) > 1e-5 {
			t.Errorf("%v: loss %v in float64, %v in float32", a, x, y)
		}
		for i, p := range wide.params() {
			for k, g := range p.g {
				if h := narrow.params()[i].g[k]; math.Abs(g-float64(h)) > 1e-4 {
					t.Errorf("%v: gradient %v in float64, %v in float32", a, g, h)
				}
			}
		}
	}
}

func BenchmarkForward(b *testing.B) {
	const batch, in, classes = 64, 196, 10
	model := newNet[float32](usual, in, classes, random(1, forWeights))
	x, dy := testInputs[float32](batch, in), make([]float32, batch*classes)
	labels := make([]byte, batch)
	b.Run(fmt.Sprintf("batch %d", batch), func(b *testing.B) {
		for b.Loop() {
			crossEntropy(model.forward(x, batch), labels, dy)
			model.backward(dy)
		}
	})
}
