package programs

import (
	"math/rand/v2"

	"gonum.org/v1/gonum/floats"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// indices adds an input node for count row numbers.
func (n *net) indices(name string, count int) *G.Node {
	return G.NewVector(n.g, tensor.Int,
		G.WithName(name), G.WithShape(count), G.WithInit(G.Zeroes()))
}

// letIndices sets the value of an input node for row numbers.
func (n *net) letIndices(x *G.Node, indices []int) {
	t := tensor.New(tensor.WithShape(len(indices)), tensor.WithBacking(indices))
	if err := G.Let(x, t); err != nil {
		panic(err)
	}
}

// skipGram predicts the word that follows a word. In four cases of five the program draws the
// second word from the first word's topic, otherwise from all words. The minimum of the loss is the
// entropy of this distribution.
var skipGram = Program{
	Name: "skip-gram", Title: "Skip-gram with a full softmax for 60 words in 6 topics",
	Author: adam(0.01),
	Metric: Metric{Name: "test loss", Good: 3.1},
	Steps:  1500,
	New: func(r *rand.Rand, newSolver NewSolver) Train {
		const words, topics, batch, size = 60, 6, 64, 8
		n := newNet(r, tensor.Float32)
		center, context := n.indices("center", batch), n.input("context", batch, words)
		embedding := n.param(gaussianInit(r, 0.1), words, size)
		output := n.param(gaussianInit(r, 0.1), size, words)
		p := G.Must(G.SoftMax(G.Must(G.Mul(G.Must(G.ByIndices(embedding, center, 0)), output))))
		each := G.Must(G.Sum(G.Must(G.HadamardProd(G.Must(G.Log(p)), context)), 1))
		loss := G.Must(G.Neg(G.Must(G.Mean(each))))
		var cost G.Value
		G.Read(loss, &cost)
		vm, solver := n.machine(loss), newSolver(loss)

		load := func() {
			centers := draw(r, batch, words)
			contexts := table{words, make([]float64, batch*words)}
			for i, c := range centers {
				w := r.IntN(words)
				if r.IntN(5) > 0 {
					w = r.IntN(words/topics)*topics + c%topics
				}
				contexts.row(i)[w] = 1
			}
			n.letIndices(center, centers)
			n.let(context, contexts.data)
		}
		return func(steps int) (float64, error) {
			defer vm.Close()
			if err := n.fit(vm, solver, steps, load); err != nil {
				return 0, err
			}
			const batches = 50
			sum := 0.0
			err := evaluate(vm, batches, load, func() { sum += values(cost)[0] })
			return sum / batches, err
		}
	},
}

var factorisation = Program{
	Name: "factorisation", Title: "Matrix factorisation of noisy ratings",
	Author: adam(0.01),
	Metric: Metric{Name: "test error", Good: 0.2},
	Steps:  2000,
	New:    newFactorisation,
}

func newFactorisation(r *rand.Rand, newSolver NewSolver) Train {
	const users, items, rank, batch, ratings = 60, 80, 3, 64, 3200
	taste, kind := table{rank, normals(r, users*rank, 1)}, table{rank, normals(r, items*rank, 1)}
	// rate draws count ratings, with noise of the given standard deviation.
	rate := func(count int, noise float64) (of, what []int, score table) {
		of, what, score = draw(r, count, users), draw(r, count, items), table{cols: 1}
		for i := range of {
			liked := floats.Dot(taste.row(of[i]), kind.row(what[i]))
			score.data = append(score.data, liked+noise*r.NormFloat64())
		}
		return of, what, score
	}
	of, what, score := rate(ratings, 0.3)

	n := newNet(r, tensor.Float32)
	user, item := n.indices("user", batch), n.indices("item", batch)
	target := n.input("score", batch)
	u := G.Must(G.ByIndices(n.param(gaussianInit(r, 0.1), users, rank), user, 0))
	v := G.Must(G.ByIndices(n.param(gaussianInit(r, 0.1), items, rank), item, 0))
	pred := G.Must(G.Sum(G.Must(G.HadamardProd(u, v)), 1))
	size := func(x *G.Node) *G.Node { return G.Must(G.Mean(G.Must(G.Square(x)))) }
	penalty := G.Must(G.Mul(n.constant(0.01), G.Must(G.Add(size(u), size(v)))))
	loss := G.Must(G.Add(meanSquare(n, pred, target), penalty))
	var predicted G.Value
	G.Read(pred, &predicted)
	vm, solver := n.machine(loss), newSolver(loss)

	load := func(of, what []int, score []float64) {
		n.letIndices(user, of)
		n.letIndices(item, what)
		n.let(target, score)
	}
	return func(steps int) (float64, error) {
		defer vm.Close()
		next := cycle(batch, ratings)
		err := n.fit(vm, solver, steps, func() {
			rows := next()
			load(pick(of, rows), pick(what, rows), score.pick(rows))
		})
		if err != nil {
			return 0, err
		}
		all, truth := table{cols: 1}, table{cols: 1}
		err = evaluate(vm, 20, func() {
			of, what, score := rate(batch, 0)
			load(of, what, score.data)
			truth.data = append(truth.data, score.data...)
		}, func() { all.data = append(all.data, values(predicted)...) })
		if err != nil {
			return 0, err
		}
		return rootMeanSquareError(all, truth), nil
	}
}

// pick returns the elements at the given indices.
func pick(xs, indices []int) []int {
	ys := make([]int, len(indices))
	for i, j := range indices {
		ys[i] = xs[j]
	}
	return ys
}
