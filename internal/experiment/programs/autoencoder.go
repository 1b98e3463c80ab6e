package programs

import (
	"math/rand/v2"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

var autoencoder = Program{
	Name: "autoencoder", Title: "Sigmoid autoencoder for digits with BinaryXent as loss",
	Author: adam(0.01),
	Metric: Metric{Name: "test error", Good: 0.17},
	Steps:  500,
	New: func(r *rand.Rand, newSolver NewSolver) Train {
		s := digitsOf(tensor.Float32, 1, 0)
		s.y, s.testY, s.metric = s.x, s.testX, rootMeanSquareError
		s.predict = func(n *net, x *G.Node) *G.Node {
			h := G.Must(G.Sigmoid(n.dense(x, 32)))
			return G.Must(G.Sigmoid(n.dense(h, s.x.cols)))
		}
		s.loss = binaryCrossEntropy
		return s.program(r, newSolver)
	},
}

// binaryCrossEntropy adds the mean of Gorgonia's BinaryXent over all elements.
func binaryCrossEntropy(_ *net, p, y *G.Node) *G.Node {
	return G.Must(G.Mean(G.Must(G.BinaryXent(p, y))))
}

// vae sums the loss over the batch and the pixels. The author's Adam divides the gradient by the
// batch size.
var vae = Program{
	Name: "vae", Title: "Variational autoencoder for digits with a summed loss",
	Author: Author{"Gorgonia's Adam 0.001, batch size 50", func() G.Solver {
		return G.NewAdamSolver(G.WithLearnRate(1e-3), G.WithBatchSize(50))
	}},
	Metric: Metric{Name: "test loss", Good: 51},
	Steps:  800,
	New:    newVAE,
}

func newVAE(r *rand.Rand, newSolver NewSolver) Train {
	const batch, latent = 50, 6
	train, test := loadDigits()
	n := newNet(r, tensor.Float32)
	x, noise := n.input("x", batch, train.x.cols), n.input("noise", batch, latent)
	half, one := n.constant(0.5), n.constant(1)

	h := G.Must(G.Tanh(n.dense(x, 64)))
	mean, logVariance := n.dense(h, latent), n.dense(h, latent)
	deviation := G.Must(G.Exp(G.Must(G.Mul(half, logVariance))))
	z := G.Must(G.Add(mean, G.Must(G.HadamardProd(deviation, noise))))
	p := G.Must(G.Sigmoid(n.dense(G.Must(G.Tanh(n.dense(z, 64))), train.x.cols)))

	reconstruction := G.Must(G.Sum(G.Must(G.BinaryXent(p, x))))
	divergence := G.Must(G.Add(G.Must(G.Square(mean)), G.Must(G.Exp(logVariance))))
	divergence = G.Must(G.Sub(G.Must(G.Sub(divergence, logVariance)), one))
	loss := G.Must(G.Add(reconstruction, G.Must(G.Mul(half, G.Must(G.Sum(divergence))))))
	var cost G.Value
	G.Read(loss, &cost)
	vm, solver := n.machine(loss), newSolver(loss)

	load := func(from table, rows []int) {
		n.let(x, from.pick(rows))
		n.let(noise, normals(r, batch*latent, 1))
	}
	next := cycle(batch, train.x.rows())
	return func(steps int) (float64, error) {
		defer vm.Close()
		if err := n.fit(vm, solver, steps, func() { load(train.x, next()) }); err != nil {
			return 0, err
		}
		sum, next := 0.0, cycle(batch, test.x.rows())
		err := evaluate(vm, test.x.rows()/batch, func() { load(test.x, next()) },
			func() { sum += values(cost)[0] })
		return sum / float64(test.x.rows()), err
	}
}
