package main

import (
	"fmt"
	"math/rand/v2"

	"github.com/pkg/errors"
	"github.com/spf13/pflag"

	"github.com/l4-go/l4/internal/experiment/dataset"
	"github.com/l4-go/l4/internal/experiment/figure"
	"github.com/l4-go/l4/internal/experiment/model"
	"github.com/l4-go/l4/internal/experiment/train"
)

const (
	cifarPad = 4    // pixels that an image is moved by at most
	cifarL2  = 2e-4 // of the penalty in the loss
	maxDepth = 1202 // of the deepest net in the article on residual nets
)

// cifar is the experiment of the paper's section 3.3.
func cifar() experiment {
	var depth int
	return experiment{
		name:  "cifar",
		about: "CIFAR-10, a residual net (paper, section 3.3)",
		epoch: "all images once, moved and mirrored at random",
		examples: `  demo cifar --depth 8 --epochs 10
  demo cifar --full --checkpoint run.ckpt    ResNet-32, days on a small machine`,
		plain: scope{
			solvers: "l4adam,l4mom,adam:2e-4,momentum:0.004,momentum-drops", epochs: 4, restarts: 1,
		},
		full: &scope{
			solvers: "l4adam,l4mom,l4adam-plain,l4mom-plain,adam:2e-4,momentum:0.004,momentum-drops",
			epochs:  160, restarts: 5,
		},
		timed: true, batches: []int{128}, dtype: "float32", gridStarts: 1,
		data: "the files of CIFAR-10's binary version (default one in the user's cache, which is " +
			"fetched if it is not there, 170 MB)",
		source: &dataset.CIFAR10Source,
		flags: func(f *pflag.FlagSet) {
			f.Var((*count)(&depth), "depth",
				fmt.Sprintf("`number` of layers of the residual net: 8, 14, 20, 26, 32, ..., %d "+
					"(default 8, with --full 32)", maxDepth))
		},
		variants: func(s settings) ([]variant, error) {
			switch {
			case depth != 0:
			case s.full:
				depth = 32
			default:
				depth = 8
			}
			return cifarVariants(s, depth)
		},
		unit: "epoch", measures: []measure{meanLosses, accuracies, learnRates},
		report: cifarReport,
	}
}

func cifarVariants(s settings, depth int) ([]variant, error) {
	if depth < 8 || depth > maxDepth || (depth-2)%6 != 0 {
		return nil, errors.Errorf("--depth %d: want 2 more than a multiple of 6, from 8 to %d",
			depth, maxDepth)
	}
	images, test, err := dataset.CIFAR10(s.data)
	if err != nil {
		return nil, err
	}
	title := fmt.Sprintf("ResNet-%d, %d images", depth, images.Len())
	return batchVariants(s, title, images, func(batch int, seed uint64) (train.Task, error) {
		return newCIFARTask(s, depth, batch, images, test, seed)
	})
}

func newCIFARTask(
	s settings, depth, batch int, images, test *dataset.Images, seed uint64,
) (train.Task, error) {
	weights, statistics := model.ResNetWeights(
		s.tensorDtype(), (depth-2)/6, rand.New(rand.NewPCG(seed, 0)))
	net := model.ResNet(weights, statistics, batch, true)
	net.Regularize(cifarL2)
	eval := model.ResNet(weights, statistics, min(evalBatch, test.Len()), false)
	task, err := train.Classify(net, eval, images, test, seed)
	if err != nil {
		return nil, err
	}
	task.Augment = func(to, image []byte, r *rand.Rand) { images.CropFlip(to, image, cifarPad, r) }
	return task, nil
}

func cifarReport(j *job) string {
	text := ""
	for _, v := range j.variants {
		text += v.title + "\n" + figure.Table(j.summary(v)) + "\n"
	}
	return text
}
