package stress

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"github.com/l4-go/l4/internal/experiment/compare"
	"github.com/l4-go/l4/internal/experiment/dataset"
)

// imageTask describes a task on images: to classify them or, with an autoencoder, to reconstruct
// them.
type imageTask struct {
	name, kind string
	steps      int
	architecture
	digits  bool // use MNIST instead of Fashion-MNIST
	wrong   int  // share of wrong training labels in %
	batch   int
	images  int  // number of images to train on, 0 for all
	tests   int  // number of images to test on, 0 for all
	encoder bool // train an autoencoder
	change  int  // step after which each label becomes the next class; 0 is never
	disturbance
	wide bool   // use float64 instead of float32
	note string // is added to the title
}

// architecture describes a net. The zero value is a linear model.
type architecture struct {
	hidden    []int   // units of the hidden layers
	tanh      bool    // use tanh instead of rectifiers
	norm      bool    // use batch norm before each activation
	recurrent bool    // the first hidden layer is recurrent, over the rows of the image
	scale     float64 // of the initial weights, relative to He's or, for tanh, 1/√in; 0 means 1
}

func (a architecture) String() string {
	var s strings.Builder
	switch {
	case a.recurrent:
		fmt.Fprintf(&s, "recurrent net of %d", a.hidden[0])
	case len(a.hidden) == 0:
		s.WriteString("linear model")
	default:
		units := strings.Trim(fmt.Sprint(a.hidden), "[]")
		s.WriteString("net of " + strings.ReplaceAll(units, " ", "-"))
	}
	if a.tanh {
		s.WriteString(", tanh")
	}
	if a.norm {
		s.WriteString(", batch norm")
	}
	if a.scale != 0 {
		fmt.Fprintf(&s, ", initial weights times %v", a.scale)
	}
	return s.String()
}

// newNet returns a net with random weights.
func newNet[T float](a architecture, in, out int, r *rand.Rand) net[T] {
	scale := a.scale
	if scale == 0 {
		scale = 1
	}
	var l net[T]
	for i, units := range a.hidden {
		if a.recurrent && i == 0 {
			rows := int(math.Sqrt(float64(in))) // of a square image
			l = append(l, newRecurrent[T](r, in/rows, units, rows))
			in = units
			continue
		}
		gain := 2.0
		if a.tanh {
			gain = 1
		}
		l = append(l, newDense[T](r, in, units, scale*math.Sqrt(gain/float64(in))))
		if a.norm {
			l = append(l, new(batchNorm[T]))
		}
		if a.tanh {
			l = append(l, newTanh[T]())
		} else {
			l = append(l, newReLU[T]())
		}
		in = units
	}
	l = append(l, newDense[T](r, in, out, scale/math.Sqrt(float64(in))))
	if d, ok := l[0].(*dense[T]); ok {
		d.first = true
	}
	return l
}

// task returns the task on data d. Its title describes the settings.
func (c imageTask) task(d *Data) Task {
	data, title := d.fashion, "Fashion-MNIST"
	if c.digits {
		data, title = d.digits, "MNIST"
	}
	if c.images > 0 {
		title = fmt.Sprintf("%d images of %s", c.images, title)
	}
	title += ", "
	if c.encoder {
		title += "autoencoder (root mean squared error of a pixel), "
	}
	title += c.architecture.String()
	if c.wrong > 0 {
		title += fmt.Sprintf(", %d %% wrong labels", c.wrong)
	}
	title += fmt.Sprintf(", batch %d", c.batch)
	if c.note != "" {
		title += ", " + c.note
	}
	if c.wide {
		title += ", float64"
	}
	title = fmt.Sprintf("%s, %d steps", title, c.steps)
	metric := Accuracy
	if c.encoder {
		metric = Error
	}
	t := newTask(c.name, title, c.kind, c.steps, metric,
		func(seed uint64) (compare.Training, error) {
			images, err := data.load(context.Background())
			if err != nil {
				return nil, err
			}
			if c.wide {
				return startImages[float64](c, images, seed), nil
			}
			return startImages[float32](c, images, seed), nil
		})
	t.data = data
	return t
}

func startImages[T float](c imageTask, data *images, seed uint64) *trainee[T] {
	train, test := data.train, data.test
	if c.images > 0 {
		train = train.First(c.images)
	}
	if c.tests > 0 {
		test = test.First(c.tests)
	}
	train = train.WithWrongLabels(float64(c.wrong)/100, random(seed, forLabels))
	in := train.Size()
	out := train.Classes
	if c.encoder {
		out = in
	}
	model := newNet[T](c.architecture, in, out, random(seed, forWeights))
	order := newShuffle(train.Len(), random(seed, forBatches))
	x, dy, labels := make([]T, c.batch*in), make([]T, c.batch*out), make([]byte, c.batch)
	t := &trainee[T]{params: model.params()}
	t.forward = func(step int) (loss float64) {
		if c.change > 0 && step == c.change+1 {
			train, test = train.WithNextLabels(), test.WithNextLabels()
		}
		for i := range labels {
			image := order.deal()
			pixels(x[i*in:(i+1)*in], train, image)
			labels[i] = train.Labels[image]
		}
		y := model.forward(x, c.batch)
		if c.encoder {
			loss = meanPenalty(squared, y, x, dy)
		} else {
			loss = crossEntropy(y, labels, dy)
		}
		model.backward(dy)
		return loss
	}
	t.test = func() float64 {
		if c.encoder {
			return drawingError(model, test)
		}
		return accuracy(model, test)
	}
	disturb(t, c.disturbance)
	return t
}

// each calls f with the images and the outputs for them, one batch at a time.
func each[T float](model net[T], s *dataset.Images, f func(x, y []T, labels []byte)) {
	const batch = 500
	var x []T
	for at := 0; at < s.Len(); at += batch {
		n := min(batch, s.Len()-at)
		x = sized(x, n*s.Size())
		for i := range n {
			pixels(x[i*s.Size():(i+1)*s.Size()], s, at+i)
		}
		f(x, model.forward(x, n), s.Labels[at:at+n])
	}
}

// accuracy returns the share of images in % whose class has the largest output.
func accuracy[T float](model net[T], s *dataset.Images) float64 {
	right := 0
	each(model, s, func(_, y []T, labels []byte) { right += compare.Right(y, labels) })
	return 100 * float64(right) / float64(s.Len())
}

// drawingError returns the root of the mean squared difference between the pixels and the outputs.
func drawingError[T float](model net[T], s *dataset.Images) float64 {
	sum := 0.0
	each(model, s, func(x, y []T, _ []byte) {
		for i, v := range y {
			d := float64(v - x[i])
			sum += d * d
		}
	})
	return math.Sqrt(sum / float64(len(s.Pixels)))
}
