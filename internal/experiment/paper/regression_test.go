package paper

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/mat"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/experiment/compare"
)

// TestRegressionLoss compares the loss with its definition on 1000 samples, which the graph
// replaces by a factor, and the gradients with central differences of the definition.
func TestRegressionLoss(t *testing.T) {
	a := LogSpacedMatrix()
	for _, seed := range []uint64{1, 2} {
		plain, err := NewRegression(tensor.Float64, a, seed)
		task := must(t, plain, err)
		loss, grads, err := task.Run(0)
		if err != nil {
			t.Fatal(err)
		}
		w1, w2 := task.State()[0].Data().([]float64), task.State()[1].Data().([]float64)
		want := regressionLoss(w1, w2, a)
		if got := loss.Value().Data().(float64); math.Abs(got-want) > 1e-12*want {
			t.Errorf("seed %d: loss %v, want %v", seed, got, want)
		}
		for k, w := range [][]float64{w1, w2} {
			g, err := grads[k].Grad()
			if err != nil {
				t.Fatal(err)
			}
			for i, x := range w {
				const h = 1e-4
				w[i] = x + h
				up := regressionLoss(w1, w2, a)
				w[i] = x - h
				down := regressionLoss(w1, w2, a)
				w[i] = x
				slope := (up - down) / (2 * h)
				if got := g.Data().([]float64)[i]; math.Abs(got-slope) > 1e-5*(1+math.Abs(slope)) {
					t.Errorf("seed %d: gradient %v at element %d of W%d, central difference %v",
						seed, got, i, k+1, slope)
				}
			}
		}
	}
}

// regressionLoss returns ‖W1·W2·X - A·X‖², computed with the samples.
func regressionLoss(w1, w2 []float64, a *mat.Dense) float64 {
	x := mat.NewDense(in, samples, compare.Normals(fixedRand(1), in*samples, 1))
	var d, hidden, target mat.Dense
	hidden.Mul(mat.NewDense(in, in, w2), x)
	d.Mul(mat.NewDense(out, in, w1), &hidden)
	target.Mul(a, x)
	d.Sub(&d, &target)
	norm := mat.Norm(&d, 2)
	return norm * norm
}

// TestMatrices: the matrices have the condition numbers that the documentation states.
func TestMatrices(t *testing.T) {
	if c := mat.Cond(NotebookMatrix(), 2); c < 13.5 || c > 14.5 {
		t.Errorf("the notebook's matrix has the condition number %v", c)
	}
	var svd mat.SVD
	svd.Factorize(LogSpacedMatrix(), mat.SVDNone)
	for i, s := range svd.Values(nil) {
		if want := math.Pow(10, -2*float64(i)); math.Abs(s-want) > 1e-5*want {
			t.Errorf("singular value %d is %v, want %v", i, s, want)
		}
	}
}
