package main

import (
	"fmt"

	"github.com/pkg/errors"
	"github.com/spf13/pflag"

	"github.com/l4-go/l4/internal/experiment/compare"
	"github.com/l4-go/l4/internal/experiment/dataset"
	"github.com/l4-go/l4/internal/experiment/paper"
)

// maxDepth is the depth of the deepest net in the article on residual nets (K. He et al., Deep
// Residual Learning for Image Recognition, CVPR 2016).
const maxDepth = 1202

// cifar is the experiment of the paper's section 3.3.
func cifar() experiment {
	var depth int
	return experiment{
		name:  "cifar",
		about: "Train a residual net on CIFAR-10 (paper, section 3.3)",
		epoch: "one pass over all images, each moved and mirrored at random",
		examples: `  demo cifar --depth 8 --epochs 10
  demo cifar --full --checkpoint run.ckpt    ResNet-32; takes days on a small machine`,
		plain: scope{
			solvers: "l4adam,l4mom,adam:2e-4,momentum:0.004,momentum-drops", epochs: 4, seeds: 1,
		},
		full: &scope{
			solvers: "l4adam,l4mom,l4adam-plain,l4mom-plain,adam:2e-4,momentum:0.004," +
				"momentum-drops",
			epochs: 160, seeds: 5,
		},
		timed: true, batches: []int{128}, dtype: "float32", gridSeeds: 1,
		data: "the files of CIFAR-10's binary version (default a folder in the user's cache, to " +
			"which missing files are downloaded, 170 MB)",
		source: &dataset.CIFAR10Source,
		flags: func(f *pflag.FlagSet) {
			f.Var(depthFlag{count{&depth, maxDepth}}, "depth",
				fmt.Sprintf("`number` of layers of the residual net: 8, 14, 20, 26, 32, ..., %d "+
					"(default 8; 32 with --full)", maxDepth))
		},
		newTasks: func(s settings) ([]compare.Task, error) {
			if depth == 0 {
				depth = 8
				if s.full {
					depth = 32
				}
			}
			return cifarTasks(s, depth)
		},
		unit: compare.Epochs,
		measures: []compare.Measure{
			compare.MeanLosses, compare.Accuracies, compare.LearnRates,
		},
		report: summary,
	}
}

func cifarTasks(s settings, depth int) ([]compare.Task, error) {
	images, test, err := dataset.CIFAR10(s.data)
	if err != nil {
		return nil, err
	}
	title := fmt.Sprintf("ResNet-%d, %d images", depth, images.Len())
	start := func(batch int, seed uint64) (compare.Training, error) {
		return paper.NewCIFAR(s.tensorDtype(), images, test, (depth-2)/6, batch, seed)
	}
	return batchTasks(s, title, images, start)
}

// depthFlag is the value of a flag: the number of layers of a residual net. It is checked before
// data are downloaded.
type depthFlag struct{ count }

func (d depthFlag) Set(text string) error {
	if d.count.Set(text) != nil || *d.n < 8 || (*d.n-2)%6 != 0 {
		return errors.Errorf("%q: want 6·n + 2 layers, from 8 to %d", text, maxDepth)
	}
	return nil
}
