package train

import (
	"math/rand/v2"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/experiment/dataset"
	"github.com/l4-go/l4/internal/experiment/model"
)

// evalBatch is the number of test images that are classified at once.
const evalBatch = 500

// Change is what a net is trained and tested on from a step on, counted from 0.
type Change struct {
	Step         int
	Images, Test *dataset.Images
}

// Classify is the task of training a net on labelled images. build makes the net for a batch size, with the
// same weights each time. Each epoch shuffles the images in a way that depends on the seed and the epoch
// alone, and leaves out those that do not fill a batch. Changes replace the images by as many others.
func Classify(build func(batch int) *model.Net, images, test *dataset.Images, batch int, seed uint64, changes ...Change) *Task {
	net := build(batch)
	perEpoch := images.Len() / batch
	share := accuracy(build(evalBatch))
	var order []int
	return &Task{
		Graph: net.Graph, Loss: net.Loss, Weights: net.Weights,
		EpochSteps: perEpoch,
		Next: func(step int) {
			if step%perEpoch == 0 || order == nil {
				order = rand.New(rand.NewPCG(seed, uint64(step/perEpoch))).Perm(images.Len())
			}
			for _, c := range changes {
				if step >= c.Step {
					images, test = c.Images, c.Test
				}
			}
			at := step % perEpoch * batch
			load(net, images, order[at:at+batch])
		},
		Accuracy: func() (float64, error) { return share(test) },
	}
}

// load sets the inputs of a net to the images at the given indices, pixels from 0 to 1.
func load(net *model.Net, images *dataset.Images, indices []int) {
	switch x := net.Input.Value().Data().(type) {
	case []float32:
		loadBatch(x, net.Target.Value().Data().([]float32), images, indices)
	case []float64:
		loadBatch(x, net.Target.Value().Data().([]float64), images, indices)
	}
}

func loadBatch[T float32 | float64](x, y []T, images *dataset.Images, indices []int) {
	clear(y)
	size := images.Size()
	for row, i := range indices {
		in := x[row*size : (row+1)*size]
		for j, p := range images.Pixels[i*size : (i+1)*size] {
			in[j] = T(p) / 255
		}
		y[row*images.Classes+int(images.Labels[i])] = 1
	}
}

// accuracy returns a function that tells the share of images that the net gets right.
func accuracy(net *model.Net) func(*dataset.Images) (float64, error) {
	vm := gorgonia.NewTapeMachine(net.Graph)
	return func(images *dataset.Images) (float64, error) {
		right := 0
		for at := 0; at < images.Len(); at += evalBatch {
			indices := make([]int, 0, evalBatch)
			for i := at; i < min(at+evalBatch, images.Len()); i++ {
				indices = append(indices, i)
			}
			load(net, images, indices)
			if err := vm.RunAll(); err != nil {
				return 0, err
			}
			guesses, err := net.Output.Value().(*tensor.Dense).Argmax(1)
			if err != nil {
				return 0, err
			}
			vm.Reset()
			for row, i := range indices {
				if guesses.Ints()[row] == int(images.Labels[i]) {
					right++
				}
			}
		}
		return float64(right) / float64(images.Len()), nil
	}
}
