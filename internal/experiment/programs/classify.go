package programs

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/floats"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/nn"
)

var xor = Program{
	Name: "xor", Title: "XOR with two sigmoid layers without biases",
	Author: sgd(1),
	Metric: Metric{Name: "error", Good: 0.05},
	Steps:  10_000,
	New: func(r *rand.Rand, newSolver NewSolver) Train {
		s := supervised{
			dt: tensor.Float64, batch: 4, loss: meanSquare, metric: rootMeanSquareError,
			x: table{3, []float64{0, 0, 1, 0, 1, 1, 1, 0, 1, 1, 1, 1}},
			y: table{1, []float64{0, 1, 1, 0}},
			predict: func(n *net, x *G.Node) *G.Node {
				h := G.Must(G.Sigmoid(G.Must(G.Mul(x, n.param(gaussianInit(r, 1), 3, 4)))))
				return G.Must(G.Sigmoid(G.Must(G.Mul(h, n.param(gaussianInit(r, 1), 4, 1)))))
			},
		}
		s.testX, s.testY = s.x, s.y
		return s.program(r, newSolver)
	},
}

// logistic does not scale the features. If 1 - p rounds to 0, its logarithm is infinite and the
// loss is NaN, because Gorgonia does not simplify log(1-p) in this form.
var logistic = Program{
	Name: "logistic", Title: "Logistic regression in which log(1-p) can be infinite",
	Author: sgd(0.1),
	Metric: Metric{Name: "accuracy, %", Higher: true, Good: 85},
	Steps:  1500,
	New: func(r *rand.Rand, newSolver NewSolver) Train {
		const features = 6
		coefficients := normals(r, features, 1)
		feature := func() float64 { return 3 * r.NormFloat64() }
		label := func(x []float64) float64 {
			if 1/(1+math.Exp(-floats.Dot(coefficients, x))) > r.Float64() {
				return 1
			}
			return 0
		}
		s := supervised{
			dt: tensor.Float32, batch: 40,
			predict: func(n *net, x *G.Node) *G.Node { return G.Must(G.Sigmoid(n.dense(x, 1))) },
			loss: func(n *net, p, y *G.Node) *G.Node {
				one := n.constant(1)
				yes := G.Must(G.HadamardProd(G.Must(G.Neg(y)), G.Must(G.Log(p))))
				no := G.Must(G.Log(G.Must(G.Sub(one, p))))
				no = G.Must(G.HadamardProd(G.Must(G.Sub(one, y)), no))
				squares := G.Must(G.Sum(G.Must(G.Square(n.params[0]))))
				penalty := G.Must(G.Mul(n.constant(0.01), squares))
				return G.Must(G.Add(G.Must(G.Mean(G.Must(G.Sub(yes, no)))), penalty))
			},
			metric: func(pred, y table) float64 {
				right := 0
				for i, p := range pred.data {
					if (p > 0.5) == (y.data[i] == 1) {
						right++
					}
				}
				return 100 * float64(right) / float64(y.rows())
			},
		}
		s.x, s.y = sample(1000, features, feature, label)
		s.testX, s.testY = sample(1000, features, feature, label)
		return s.program(r, newSolver)
	},
}

var clickRate = Program{
	Name: "click-rate", Title: "Click prediction with a click in one of fifteen samples",
	Author: adam(1e-3),
	Metric: Metric{Name: "test loss", Good: 0.22},
	Steps:  3000,
	New: func(r *rand.Rand, newSolver NewSolver) Train {
		const features = 12
		coefficients := normals(r, features, 1)
		floats.Scale(1.5/floats.Norm(coefficients, 2), coefficients)
		feature := r.NormFloat64
		click := func(x []float64) float64 {
			if 1/(1+math.Exp(3.5-floats.Dot(coefficients, x)-0.5*x[0]*x[1])) > r.Float64() {
				return 1
			}
			return 0
		}
		s := supervised{
			dt: tensor.Float32, batch: 50,
			predict: func(n *net, x *G.Node) *G.Node {
				return G.Must(G.Sigmoid(n.dense(G.Must(G.Rectify(n.dense(x, 24))), 1)))
			},
			loss: binaryCrossEntropy,
			metric: func(pred, y table) float64 {
				sum := 0.0
				for i, p := range pred.data {
					p = max(1e-7, min(p, 1-1e-7))
					sum -= y.data[i]*math.Log(p) + (1-y.data[i])*math.Log(1-p)
				}
				return sum / float64(y.rows())
			},
		}
		s.x, s.y = sample(10_000, features, feature, click)
		s.testX, s.testY = sample(5000, features, feature, click)
		return s.program(r, newSolver)
	},
}

var softLabels = Program{
	Name: "soft-labels", Title: "Digits with labels 0.9 and 0.1, as in Gorgonia's MNIST loader",
	Author: rmsProp(1e-3),
	Metric: Metric{Name: "accuracy, %", Higher: true, Good: 85},
	Steps:  600,
	New: func(r *rand.Rand, newSolver NewSolver) Train {
		s := classifier(tensor.Float32, 0.9, 0.1, func(_ *net, p, y *G.Node) *G.Node {
			return G.Must(G.Mean(G.Must(G.HadamardProd(G.Must(G.Neg(G.Must(G.Log(p)))), y))))
		})
		return s.program(r, newSolver)
	},
}

// logEpsilon has a loss that falls below zero when the net is sure: in float64, log(p + 1e-8) is
// above zero for p = 1.
var logEpsilon = Program{
	Name: "log-epsilon", Title: "Digits with the loss -mean(log(p + 1e-8)·y), trained to the end",
	Author: adam(0.01),
	Metric: Metric{Name: "accuracy, %", Higher: true, Good: 82},
	Steps:  800,
	New: func(r *rand.Rand, newSolver NewSolver) Train {
		s := classifier(tensor.Float64, 1, 0, func(n *net, p, y *G.Node) *G.Node {
			return crossEntropy(n, G.Must(G.Add(p, n.constant(1e-8))), y)
		})
		s.x.data, s.y.data = s.x.data[:500*s.x.cols], s.y.data[:500*s.y.cols]
		return s.program(r, newSolver)
	},
}

var forgottenLog = Program{
	Name: "forgotten-log", Title: "Digits with the loss -mean(p·y), which lacks the logarithm",
	Author: rmsProp(1e-3),
	Metric: Metric{Name: "accuracy, %", Higher: true, Good: 75},
	Steps:  600,
	New: func(r *rand.Rand, newSolver NewSolver) Train {
		return classifier(tensor.Float32, 1, 0, func(_ *net, p, y *G.Node) *G.Node {
			return G.Must(G.Neg(G.Must(G.Mean(G.Must(G.HadamardProd(p, y))))))
		}).program(r, newSolver)
	},
}

var squaredSoftMax = Program{
	Name: "squared-softmax", Title: "Digits with the squared error of a softmax as loss",
	Author: adam(0.01),
	Metric: Metric{Name: "accuracy, %", Higher: true, Good: 85},
	Steps:  600,
	New: func(r *rand.Rand, newSolver NewSolver) Train {
		return classifier(tensor.Float64, 1, 0, meanSquare).program(r, newSolver)
	},
}

var batchNorm = Program{
	Name: "batch-norm", Title: "Digits with two layers and batch normalisation",
	Author: adam(1e-3),
	Metric: Metric{Name: "accuracy, %", Higher: true, Good: 85},
	Steps:  400,
	New: func(r *rand.Rand, newSolver NewSolver) Train {
		s := digitsOf(tensor.Float32, 1, 0)
		s.loss = crossEntropy
		s.predict = func(n *net, x *G.Node) *G.Node {
			for range 2 {
				x = n.dense(x, 48)
				scale, bias := n.param(G.Ones(), 1, 48), n.param(G.Zeroes(), 1, 48)
				normal, _, _, _, err := G.BatchNorm(x, scale, bias, 0.9, 1e-5)
				x = G.Must(G.Rectify(G.Must(normal, err)))
			}
			return G.Must(G.SoftMax(n.dense(x, digitClasses)))
		}
		return s.program(r, newSolver)
	},
}

// dropout uses nn.Dropout. The gradient of Gorgonia's own Dropout is wrong, so l4 rejects graphs
// with it.
var dropout = Program{
	Name: "dropout", Title: "Digits with two layers and dropout",
	Author: rmsProp(1e-3),
	Metric: Metric{Name: "accuracy, %", Higher: true, Good: 80},
	Steps:  600,
	New: func(r *rand.Rand, newSolver NewSolver) Train {
		s := digitsOf(tensor.Float32, 1, 0)
		s.loss = crossEntropy
		s.predict = func(n *net, x *G.Node) *G.Node {
			for range 2 {
				x = G.Must(nn.Dropout(G.Must(G.Rectify(n.dense(x, 64))), 0.2, r.Uint64()))
			}
			return G.Must(G.SoftMax(n.dense(x, digitClasses)))
		}
		return s.program(r, newSolver)
	},
}

// crossEntropy adds the loss of most classifiers: the mean of -y·log(p) over rows and columns.
func crossEntropy(_ *net, p, y *G.Node) *G.Node {
	return G.Must(G.Neg(G.Must(G.Mean(G.Must(G.HadamardProd(G.Must(G.Log(p)), y))))))
}

// classifier returns the task to classify digits with one hidden layer and a softmax.
func classifier(dt tensor.Dtype, yes, no float64, loss loss) supervised {
	s := digitsOf(dt, yes, no)
	s.loss = loss
	s.predict = func(n *net, x *G.Node) *G.Node {
		return G.Must(G.SoftMax(n.dense(G.Must(G.Rectify(n.dense(x, 64))), digitClasses)))
	}
	return s
}

var convnet = Program{
	Name: "convnet", Title: "Digits with two convolutions, a Reshape and a softmax",
	Author: rmsProp(1e-3),
	Metric: Metric{Name: "accuracy, %", Higher: true, Good: 85},
	Steps:  200,
	New: func(r *rand.Rand, newSolver NewSolver) Train {
		s := digitsOf(tensor.Float32, 1, 0)
		pooled := func(x, w *G.Node) *G.Node {
			one := []int{1, 1}
			x = G.Must(G.Rectify(G.Must(G.Conv2d(x, w, tensor.Shape{3, 3}, one, one, one))))
			return G.Must(G.MaxPool2D(x, tensor.Shape{2, 2}, []int{0, 0}, []int{2, 2}))
		}
		s.predict = func(n *net, x *G.Node) *G.Node {
			image := G.Must(G.Reshape(x, tensor.Shape{s.batch, 1, digitSide, digitSide}))
			h := pooled(image, n.param(glorot(r), 8, 1, 3, 3))
			h = pooled(h, n.param(glorot(r), 16, 8, 3, 3))
			h = G.Must(G.Reshape(h, tensor.Shape{s.batch, h.Shape().TotalSize() / s.batch}))
			return G.Must(G.SoftMax(n.dense(h, digitClasses)))
		}
		s.loss = crossEntropy
		return s.program(r, newSolver)
	},
}
