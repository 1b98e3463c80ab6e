package paper

import (
	"cmp"
	"math"
	"math/rand/v2"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"

	"github.com/l4-go/l4/internal/experiment/compare"
	"github.com/l4-go/l4/internal/experiment/dataset"
)

// Classifier is the compare.Training of a net on labelled images. Its methods commit the running
// statistics of the previous step. The training loop calls them only if that step was made.
type Classifier struct {
	*compare.Machine
	// Images are the training images and Test the test images. Without Test the metric is NaN. A
	// training that wraps this one may replace both between steps; the number of Images must not
	// change.
	Images, Test *dataset.Images
	// Augment, if not nil, writes the augmented form of a training image to the slice to.
	Augment func(to, image []byte, r *rand.Rand)
	// Extra are the values of State besides the weights. Classify sets Extra to the running
	// statistics of the net.
	Extra []gorgonia.Value

	net, eval *Net
	evalVM    gorgonia.VM
	seed      uint64
	epoch     int   // the epoch of order
	order     []int // indices of the images
}

// augmentStream separates the random numbers of augmentations from the random orders of the images.
const augmentStream = 1 << 63

// evalBatch is the number of test images in one evaluation of a net.
const evalBatch = 500

// Classify starts the training of net on images. The input of net determines the batch size. eval
// has the same weights and classifies the test images, in batches of the size of its input. Each
// epoch has its own random order of the images, which depends only on seed and epoch, and omits the
// last images if they do not fill a batch.
func Classify(
	net, eval *Net, images, test *dataset.Images, seed uint64,
) (*Classifier, error) {
	if batch := net.Input.Shape()[0]; batch > images.Len() {
		return nil, errors.Errorf("paper: the batch size is %d, want at most %d, the number of "+
			"images", batch, images.Len())
	}
	m, err := compare.NewMachine(net.Loss, net.Weights)
	if err != nil {
		return nil, err
	}
	var statistics []gorgonia.Value
	for _, s := range net.Statistics {
		statistics = append(statistics, s.Values()...)
	}
	return &Classifier{
		Machine: m, Images: images, Test: test, Extra: statistics,
		net: net, eval: eval, evalVM: gorgonia.NewTapeMachine(eval.Graph), seed: seed,
	}, nil
}

// Run implements compare.Training.
func (c *Classifier) Run(step int) (gorgonia.Valuer, []gorgonia.ValueGrad, error) {
	batch := c.net.Input.Shape()[0]
	perEpoch := c.Images.Len() / batch
	if epoch := step / perEpoch; c.order == nil || epoch != c.epoch {
		c.epoch, c.order = epoch, rand.New(rand.NewPCG(c.seed, uint64(epoch))).Perm(c.Images.Len())
	}
	c.net.Commit()
	at := step % perEpoch * batch
	var augment func(to, image []byte)
	if c.Augment != nil {
		r := rand.New(rand.NewPCG(c.seed+augmentStream, uint64(step)))
		augment = func(to, image []byte) { c.Augment(to, image, r) }
	}
	load(c.net, c.Images, c.order[at:at+batch], augment)
	return c.Machine.Run()
}

// Metric returns the share of test images that the net classifies correctly.
func (c *Classifier) Metric() (float64, error) {
	if c.Test == nil {
		return math.NaN(), nil
	}
	c.net.Commit()
	right, batch := 0, c.eval.Input.Shape()[0]
	for at := 0; at < c.Test.Len(); at += batch {
		labels := c.Test.Labels[at:min(at+batch, c.Test.Len())]
		indices := make([]int, len(labels))
		for i := range indices {
			indices[i] = at + i
		}
		load(c.eval, c.Test, indices, nil)
		c.evalVM.Reset()
		if err := c.evalVM.RunAll(); err != nil {
			return 0, err
		}
		size := len(labels) * c.Test.Classes
		switch scores := c.eval.Output.Value().Data().(type) {
		case []float32:
			right += compare.Right(scores[:size], labels)
		case []float64:
			right += compare.Right(scores[:size], labels)
		}
	}
	return float64(right) / float64(c.Test.Len()), nil
}

// State implements compare.Training.
func (c *Classifier) State() []gorgonia.Value {
	c.net.Commit()
	return append(c.Machine.State(), c.Extra...)
}

// Close implements compare.Training.
func (c *Classifier) Close() error { return cmp.Or(c.Machine.Close(), c.evalVM.Close()) }

// load writes the images with the given indices to the first inputs of a net, and their labels to
// the targets. If augment is not nil, it augments the images before they are normalized.
func load(net *Net, images *dataset.Images, indices []int, augment func(to, image []byte)) {
	switch x := net.Input.Value().Data().(type) {
	case []float32:
		loadBatch(x, net.Target.Value().Data().([]float32), images, indices, augment)
	case []float64:
		loadBatch(x, net.Target.Value().Data().([]float64), images, indices, augment)
	}
}

func loadBatch[T float32 | float64](
	x, y []T, images *dataset.Images, indices []int, augment func(to, image []byte),
) {
	clear(y)
	size := images.Size()
	channels := size / (images.Rows * images.Cols)
	augmented := make([]byte, size)
	for row, i := range indices {
		image := images.Pixels[i*size : (i+1)*size]
		if augment != nil {
			augment(augmented, image)
			image = augmented
		}
		in := x[row*size : (row+1)*size]
		for c := range channels {
			mean, deviation := images.Normal(c)
			for j := c; j < size; j += channels {
				in[j] = (T(image[j]) - T(mean)) / T(deviation)
			}
		}
		y[row*images.Classes+int(images.Labels[i])] = 1
	}
}
