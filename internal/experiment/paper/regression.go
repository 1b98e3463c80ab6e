package paper

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/experiment/compare"
	"github.com/l4-go/l4/internal/op"
)

const out, in, samples = 10, 6, 1000

// NewRegression starts the badly conditioned task of the paper's section 3.1: a linear net of two
// layers, W1 of 10 by 6 and W2 of 6 by 6, learns a matrix A of 10 by 6. The loss is ‖W1·W2·X -
// A·X‖², summed over 1000 standard normal samples X that are the same in every run. The seed sets
// the initial weights.
//
// Since ‖D·X‖² = ‖D·R‖² for any R with R·Rᵀ = X·Xᵀ, the graph has the 6 by 6 Cholesky factor
// instead of the samples.
func NewRegression(dt tensor.Dtype, a *mat.Dense, seed uint64) (compare.Plain, error) {
	x := mat.NewDense(in, samples, compare.Normals(fixedRand(1), in*samples, 1))
	var gram mat.SymDense
	gram.SymOuterK(1, x)
	var cholesky mat.Cholesky
	cholesky.Factorize(&gram)
	var factor mat.TriDense
	cholesky.LTo(&factor)
	root := mat.DenseCopyOf(&factor)
	var target mat.Dense
	target.Mul(a, root)

	r := rand.New(rand.NewPCG(seed, 2))
	g := G.NewGraph()
	node := func(name string, m *mat.Dense) *G.Node {
		rows, cols := m.Dims()
		t := tensor.New(tensor.WithShape(rows, cols), tensor.Of(dt))
		next := 0
		values := m.RawMatrix().Data
		op.Fill(t, func() float64 { next++; return values[next-1] })
		return G.NewMatrix(g, dt, G.WithName(name), G.WithShape(rows, cols), G.WithValue(t))
	}
	w1 := node("W1", mat.NewDense(out, in, compare.Normals(r, out*in, 1)))
	w2 := node("W2", mat.NewDense(in, in, compare.Normals(r, in*in, 1)))
	loss, err := LinearNetLoss(w1, w2, node("samples", root), node("target", &target))
	if err != nil {
		return compare.Plain{}, err
	}
	m, err := compare.NewMachine(loss, G.Nodes{w1, w2})
	return compare.Plain{Machine: m}, err
}

// NotebookMatrix returns the matrix A of the paper's public notebook, diag(linspace(1, 1e-10,
// out))·U with a uniform U. Such matrices have condition numbers of 10 to 40, not 1e10. This matrix
// has a condition number of 14.
func NotebookMatrix() *mat.Dense {
	r := fixedRand(0)
	a := mat.NewDense(out, in, nil)
	for i := range out {
		scale := 1 - float64(i)/float64(out-1)*(1-1e-10)
		for j := range in {
			a.Set(i, j, scale*r.Float64())
		}
	}
	return a
}

// LogSpacedMatrix returns a matrix with singular values from 1 to 1e-10, evenly spaced on a
// logarithmic scale, and random singular vectors.
func LogSpacedMatrix() *mat.Dense {
	var svd mat.SVD
	svd.Factorize(mat.NewDense(out, in, compare.Normals(fixedRand(0), out*in, 1)), mat.SVDThin)
	var u, v, a mat.Dense
	svd.UTo(&u)
	svd.VTo(&v)
	for j := range in {
		scale := math.Pow(10, -10*float64(j)/float64(in-1))
		for i := range out {
			u.Set(i, j, scale*u.At(i, j))
		}
	}
	a.Mul(&u, v.T())
	return &a
}

// fixedRand draws numbers that are the same in all runs, from stream 0 or 1. The weights are drawn
// from stream 2.
func fixedRand(stream uint64) *rand.Rand { return rand.New(rand.NewPCG(1, stream)) }
