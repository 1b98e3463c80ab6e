package paper

import (
	"math"
	"math/rand/v2"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/experiment/dataset"
	"github.com/l4-go/l4/internal/experiment/layer"
)

// stages are the numbers of channels of a residual net's stages.
var stages = []int{16, 32, 64}

// ResNetWeights draws the weights of a residual net of 3 stages with the given number of blocks
// each, and creates its running statistics. The filters are normal with a variance of 2 over the
// number of inputs. The scales are 1, and the shifts and the last layer are 0. One block makes
// ResNet-8, five blocks make ResNet-32.
func ResNetWeights(dt tensor.Dtype, blocks int, r *rand.Rand) (Weights, []*layer.Statistics) {
	var ws Weights
	var statistics []*layer.Statistics
	conv := func(in, out int) {
		ws = append(ws, normal(dt, r, math.Sqrt(2/float64(9*in)), 3, 3, in, out),
			constant(dt, 1, out), constant(dt, 0, out))
		statistics = append(statistics, layer.NewStatistics(out))
	}
	in := stages[0]
	conv(3, in)
	for _, out := range stages {
		for range blocks {
			conv(in, out)
			conv(out, out)
			in = out
		}
	}
	return append(ws, constant(dt, 0, in, 10), constant(dt, 0, 10)), statistics
}

// ResNet builds a residual net for CIFAR-10: images of 32×32 with 3 channels, and ten classes. It
// uses the memory of weights and statistics, which come from ResNetWeights. A net for training
// normalizes by the moments of the batch and records them. A net for evaluation normalizes by the
// running statistics and has no gradients.
func ResNet(weights Weights, statistics []*layer.Statistics, batch int, training bool) *Net {
	b := newBuilder(weights, batch, 32, 32, 3)
	conv := func() (w *G.Node, norm layer.BatchNorm) {
		s := statistics[len(b.Statistics)]
		b.Statistics = append(b.Statistics, s)
		return b.next(), layer.BatchNorm{
			Scale: b.next(), Shift: b.next(), Statistics: s, Training: training,
		}
	}
	w, norm := conv()
	x := G.Must(layer.ConvNorm(b.Input, w, norm, 1, true))
	blocks := (len(statistics) - 1) / (2 * len(stages))
	for stage := range stages {
		for block := range blocks {
			stride := 1
			if stage > 0 && block == 0 {
				stride = 2
			}
			w1, norm1 := conv()
			w2, norm2 := conv()
			x = G.Must(layer.Residual(x, w1, norm1, w2, norm2, stride))
		}
	}
	return b.classify(b.dense(G.Must(layer.Mean(x)), false))
}

const (
	cifarPad = 4    // largest shift of an image in pixels
	cifarL2  = 2e-4 // λ of the penalty in the loss
)

// NewCIFAR starts the task of the paper's section 3.3, with a net of 6·blocks + 2 layers.
func NewCIFAR(
	dt tensor.Dtype, images, test *dataset.Images, blocks, batch int, seed uint64,
) (*Classifier, error) {
	weights, statistics := ResNetWeights(dt, blocks, rand.New(rand.NewPCG(seed, 0)))
	net := ResNet(weights, statistics, batch, true)
	net.Regularize(cifarL2)
	eval := ResNet(weights, statistics, min(evalBatch, test.Len()), false)
	c, err := Classify(net, eval, images, test, seed)
	if err != nil {
		return nil, err
	}
	c.Augment = func(to, image []byte, r *rand.Rand) { images.CropFlip(to, image, cifarPad, r) }
	return c, nil
}
