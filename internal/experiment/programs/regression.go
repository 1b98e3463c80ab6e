package programs

import (
	"math"
	"math/rand/v2"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

var outliers = Program{
	Name: "outliers", Title: "Linear regression with one in twenty targets wrong",
	Author: sgd(0.01),
	Metric: Metric{Name: "test error", Good: 1},
	Steps:  2000,
	New: func(r *rand.Rand, newSolver NewSolver) Train {
		s := linearRegression(r, 5, func(y float64) float64 {
			if y += 0.1 * r.NormFloat64(); r.IntN(20) == 0 {
				y += 20 * r.NormFloat64()
			}
			return y
		})
		return s.program(r, newSolver)
	},
}

var largeTargets = Program{
	Name: "large-targets", Title: "Linear regression of house prices near 2e5",
	Author: sgd(0.01),
	Metric: Metric{Name: "test error", Good: 5000},
	Steps:  2000,
	New: func(r *rand.Rand, newSolver NewSolver) Train {
		s := linearRegression(r, 8, func(y float64) float64 { return y + 0.3*r.NormFloat64() })
		for _, y := range [][]float64{s.y.data, s.testY.data} {
			for i := range y {
				y[i] = 2e5 + 3e4*y[i]
			}
		}
		return s.program(r, newSolver)
	},
}

// linearRegression draws features and coefficients from the standard normal distribution. disturb
// computes a training target from the true value. The test targets are the true values.
func linearRegression(r *rand.Rand, features int, disturb func(y float64) float64) supervised {
	coefficients := normals(r, features, 1)
	s := supervised{
		dt: tensor.Float64, batch: 50,
		predict: func(n *net, x *G.Node) *G.Node { return n.dense(x, 1) },
		loss:    meanSquare, metric: rootMeanSquareError,
	}
	truth := func(x []float64) float64 {
		y := 1.0
		for i, c := range coefficients {
			y += c * x[i]
		}
		return y
	}
	s.x, s.y = sample(500, features, r.NormFloat64, func(x []float64) float64 {
		return disturb(truth(x))
	})
	s.testX, s.testY = sample(500, features, r.NormFloat64, truth)
	return s
}

// sample draws rows of x and computes the target of each row.
func sample(rows, cols int, next func() float64, target func(x []float64) float64) (x, y table) {
	x, y = table{cols: cols}, table{cols: 1}
	for range rows {
		for range cols {
			x.data = append(x.data, next())
		}
		y.data = append(y.data, target(x.row(y.rows())))
	}
	return x, y
}

var leastAbsolute = Program{
	Name: "l1", Title: "L1 regression with heavy-tailed noise",
	Author: adam(0.01),
	Metric: Metric{Name: "test error", Good: 0.2},
	Steps:  2000,
	New: func(r *rand.Rand, newSolver NewSolver) Train {
		return heavyTailed(r, func(_ *net, pred, y *G.Node) *G.Node {
			return G.Must(G.Mean(G.Must(G.Abs(G.Must(G.Sub(pred, y))))))
		}).program(r, newSolver)
	},
}

var huber = Program{
	Name: "huber", Title: "Pseudo-Huber regression with heavy-tailed noise",
	Author: rmsProp(0.01),
	Metric: Metric{Name: "test error", Good: 0.2},
	Steps:  2000,
	New: func(r *rand.Rand, newSolver NewSolver) Train {
		return heavyTailed(r, func(n *net, pred, y *G.Node) *G.Node {
			one := n.constant(1)
			square := G.Must(G.Square(G.Must(G.Sub(pred, y))))
			return G.Must(G.Mean(G.Must(G.Sub(G.Must(G.Sqrt(G.Must(G.Add(square, one)))), one))))
		}).program(r, newSolver)
	},
}

// heavyTailed returns a regression whose noise has Student's t distribution with two degrees of
// freedom, times 0.3.
func heavyTailed(r *rand.Rand, loss loss) supervised {
	s := smooth(r, 2048, surface, func() float64 {
		return 0.3 * r.NormFloat64() / math.Sqrt(r.ExpFloat64())
	})
	s.loss = loss
	return s
}

// noisy returns a regression with normal noise of standard deviation 0.3.
func noisy(r *rand.Rand, rows int, truth func(x []float64) float64) supervised {
	return smooth(r, rows, truth, func() float64 { return 0.3 * r.NormFloat64() })
}

// surface is a smooth function of four features from -1 to 1.
func surface(x []float64) float64 { return 2*math.Sin(2*x[0]) + x[1]*x[2] - x[3] }

// smooth returns the regression of a function of four features, with one hidden layer. The training
// targets are noisy, and the test targets are the true values.
func smooth(r *rand.Rand, rows int, truth func(x []float64) float64,
	noise func() float64) supervised {

	s := supervised{
		dt: tensor.Float32, batch: 32, loss: meanSquare, metric: rootMeanSquareError,
		predict: tanhNet(1),
	}
	uniform := func() float64 { return 2*r.Float64() - 1 }
	s.x, s.y = sample(rows, 4, uniform, func(x []float64) float64 { return truth(x) + noise() })
	s.testX, s.testY = sample(512, 4, uniform, truth)
	return s
}

// tanhNet returns a net with one hidden layer of 24 tanh units.
func tanhNet(out int) func(n *net, x *G.Node) *G.Node {
	return func(n *net, x *G.Node) *G.Node {
		return n.dense(G.Must(G.Tanh(n.dense(x, 24))), out)
	}
}

var relativeError = Program{
	Name: "relative-error", Title: "Positive coefficients with the mean relative error as loss",
	Author: adam(0.01),
	Metric: Metric{Name: "test error, %", Good: 6},
	Steps:  2000,
	New: func(r *rand.Rand, newSolver NewSolver) Train {
		costs := []float64{0.9, 0.5, 0.02, 0.2, 0.3, 0.05}
		s := supervised{
			dt: tensor.Float64, batch: 200,
			predict: func(n *net, x *G.Node) *G.Node {
				w := n.param(func(dt tensor.Dtype, shape ...int) any {
					first := make([]float64, len(costs))
					for i := range first {
						first[i] = r.Float64()
					}
					return backing(dt, first)
				}, len(costs), 1)
				return G.Must(G.Mul(x, G.Must(G.Abs(w))))
			},
			loss: func(_ *net, pred, y *G.Node) *G.Node {
				difference := G.Must(G.Abs(G.Must(G.Sub(pred, y))))
				return G.Must(G.Mean(G.Must(G.HadamardDiv(difference, y))))
			},
			metric: func(pred, y table) float64 {
				sum := 0.0
				for i := range y.data {
					sum += math.Abs(pred.data[i]-y.data[i]) / y.data[i]
				}
				return 100 * sum / float64(y.rows())
			},
		}
		draw := func() (x, y table) {
			return sample(200, len(costs), r.Float64, func(x []float64) float64 {
				y := 0.0
				for i, c := range costs {
					y += c * x[i]
				}
				return y * (1 + 0.05*r.NormFloat64())
			})
		}
		s.x, s.y = draw()
		s.testX, s.testY = draw()
		return s.program(r, newSolver)
	},
}

var sine = Program{
	Name: "sine", Title: "A sine with two rectified layers of 10 units and a tanh",
	Author: adam(0.01),
	Metric: Metric{Name: "test error", Good: 0.1},
	Steps:  3000,
	New: func(r *rand.Rand, newSolver NewSolver) Train {
		s := supervised{
			dt: tensor.Float64, batch: 16, loss: meanSquare, metric: rootMeanSquareError,
			predict: func(n *net, x *G.Node) *G.Node {
				h := G.Must(G.Rectify(n.dense(x, 10)))
				h = G.Must(G.Rectify(n.dense(h, 10)))
				return G.Must(G.Tanh(n.dense(h, 1)))
			},
		}
		angle := func() float64 { return 2 * math.Pi * r.Float64() }
		sin := func(x []float64) float64 { return math.Sin(x[0]) }
		s.x, s.y = sample(4800, 1, angle, sin)
		s.testX, s.testY = sample(320, 1, angle, sin)
		return s.program(r, newSolver)
	},
}

var gaussian = Program{
	Name: "gaussian", Title: "Negative log-likelihood of a Gaussian, which falls below zero",
	Author: adam(0.01),
	Metric: Metric{Name: "test loss", Good: -1.5},
	Steps:  3000,
	New: func(r *rand.Rand, newSolver NewSolver) Train {
		s := supervised{
			dt: tensor.Float64, batch: 32,
			predict: tanhNet(2),
			loss: func(n *net, pred, y *G.Node) *G.Node {
				mean := G.Must(G.Slice(pred, nil, G.S(0)))
				logDeviation := G.Must(G.Slice(pred, nil, G.S(1)))
				z := G.Must(G.Sub(G.Must(G.Slice(y, nil, G.S(0))), mean))
				z = G.Must(G.HadamardDiv(z, G.Must(G.Exp(logDeviation))))
				half := G.Must(G.Mul(n.constant(0.5), G.Must(G.Square(z))))
				return G.Must(G.Mean(G.Must(G.Add(logDeviation, half))))
			},
			metric: func(pred, y table) float64 {
				sum := 0.0
				for i := range y.rows() {
					mean, logDeviation := pred.row(i)[0], pred.row(i)[1]
					z := (y.data[i] - mean) / math.Exp(logDeviation)
					sum += logDeviation + z*z/2
				}
				return sum / float64(y.rows())
			},
		}
		uniform := func() float64 { return 2*r.Float64() - 1 }
		measure := func(x []float64) float64 {
			return math.Sin(3*x[0]) + (0.06+0.04*x[0])*r.NormFloat64()
		}
		s.x, s.y = sample(2048, 1, uniform, measure)
		s.testX, s.testY = sample(512, 1, uniform, measure)
		return s.program(r, newSolver)
	},
}
