package l4_test

import (
	"encoding/json"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// buildProblem builds the loss of a golden trace as a graph. The returned function sets the inputs
// of a step; the first step is 0.
func buildProblem(
	t *testing.T,
	name string,
	raw json.RawMessage,
	g *gorgonia.ExprGraph,
	w gorgonia.Nodes,
) (*gorgonia.Node, func(step int)) {
	t.Helper()
	// encoding/json matches keys without regard to case, but the specs hold both y and Y.
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(raw, &keys); err != nil {
		t.Fatal(err)
	}
	get := func(key string, into any) {
		if err := json.Unmarshal(keys[key], into); err != nil {
			t.Fatalf("%s: %s: %v", name, key, err)
		}
	}
	matrix := func(key string) *gorgonia.Node {
		var rows [][]float64
		get(key, &rows)
		var flat []float64
		for _, r := range rows {
			flat = append(flat, r...)
		}
		return gorgonia.NewMatrix(
			g,
			tensor.Float64,
			gorgonia.WithName(key),
			gorgonia.WithShape(len(rows), len(rows[0])),
			gorgonia.WithValue(
				tensor.New(tensor.WithShape(len(rows), len(rows[0])), tensor.WithBacking(flat)),
			),
		)
	}
	vector := func(key string) *gorgonia.Node {
		var xs []float64
		get(key, &xs)
		return gorgonia.NewVector(
			g,
			tensor.Float64,
			gorgonia.WithName(key),
			gorgonia.WithShape(len(xs)),
			gorgonia.WithValue(tensor.New(tensor.WithBacking(xs))),
		)
	}
	constant := func(x float64) *gorgonia.Node { return gorgonia.NewConstant(x) }
	must := gorgonia.Must
	every := func(int) {}

	switch name {
	case "pub_quad5", "pub_floor3":
		var c float64
		get("const", &c)
		d := must(gorgonia.Sub(w[0], vector("c")))
		ad := must(gorgonia.Mul(matrix("A"), d))
		half := must(
			gorgonia.Mul(constant(0.5), must(gorgonia.Sum(must(gorgonia.HadamardProd(d, ad))))),
		)
		if c == 0 {
			return half, every
		}
		return must(gorgonia.Add(half, constant(c))), every
	case "pub_rosen2":
		x, y := must(gorgonia.Slice(w[0], gorgonia.S(0))), must(gorgonia.Slice(w[0], gorgonia.S(1)))
		valley := must(gorgonia.Square(must(gorgonia.Sub(y, must(gorgonia.Square(x))))))
		slope := must(gorgonia.Square(must(gorgonia.Sub(constant(1), x))))
		return must(gorgonia.Add(must(gorgonia.Mul(constant(100), valley)), slope)), every
	case "pub_linnet":
		var ns float64
		get("ns", &ns)
		out := must(gorgonia.Mul(w[0], must(gorgonia.Mul(w[1], matrix("X")))))
		sum := must(gorgonia.Sum(must(gorgonia.Square(must(gorgonia.Sub(out, matrix("Y")))))))
		return must(gorgonia.Mul(constant(1/ns), sum)), every
	case "pub_logreg":
		x, y, c := matrix("X"), vector("y"), vector("c")
		z := must(gorgonia.Mul(x, w[0]))
		z = must(gorgonia.BroadcastAdd(z, w[1], nil, []byte{0}))
		margin := must(gorgonia.HadamardProd(y, z))
		softplus := must(gorgonia.Softplus(must(gorgonia.Neg(margin))))
		return must(gorgonia.Mean(must(gorgonia.HadamardProd(c, softplus)))), every
	case "pub_mlp":
		var batch int
		var labels []int
		var rows [][]float64
		get("batch", &batch)
		get("y", &labels)
		get("X", &rows)
		x := gorgonia.NewMatrix(
			g,
			tensor.Float64,
			gorgonia.WithName("x"),
			gorgonia.WithShape(batch, len(rows[0])),
		)
		y := gorgonia.NewMatrix(
			g,
			tensor.Float64,
			gorgonia.WithName("y"),
			gorgonia.WithShape(batch, 3),
		)
		hidden := must(
			gorgonia.Tanh(
				must(gorgonia.BroadcastAdd(must(gorgonia.Mul(x, w[0])), w[1], nil, []byte{0})),
			),
		)
		logits := must(
			gorgonia.BroadcastAdd(must(gorgonia.Mul(hidden, w[2])), w[3], nil, []byte{0}),
		)
		logProb := must(gorgonia.LogSoftMax(logits))
		sum := must(gorgonia.Sum(must(gorgonia.HadamardProd(logProb, y))))
		return must(gorgonia.Mul(constant(-1/float64(batch)), sum)), func(step int) {
			xs := tensor.New(tensor.WithShape(batch, len(rows[0])), tensor.Of(tensor.Float64))
			ys := tensor.New(tensor.WithShape(batch, 3), tensor.Of(tensor.Float64))
			for i := range batch {
				row := (step*batch + i) % len(rows)
				copy(xs.Float64s()[i*len(rows[0]):], rows[row])
				ys.Float64s()[i*3+labels[row]] = 1
			}
			if err := gorgonia.Let(x, xs); err != nil {
				t.Fatal(err)
			}
			if err := gorgonia.Let(y, ys); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Fatalf("no problem %s", name)
	return nil, nil
}
