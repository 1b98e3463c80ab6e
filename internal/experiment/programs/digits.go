package programs

import (
	"slices"
	"sync"

	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/experiment/dataset"
)

// digitSide is the height and the width of a digit in pixels, half of MNIST's 28.
const digitSide = 14

const digitClasses = 10

// digits are images from MNIST, with pixels from 0 to 1.
type digits struct {
	x      table
	labels []byte
}

// loadDigits returns 2000 training digits and 1000 test digits. It reads the files once.
var loadDigits = sync.OnceValues(func() (train, test digits) {
	images, others, err := dataset.MNIST("")
	if err != nil {
		panic(err)
	}
	return shrink(images.First(2000)), shrink(others.First(1000))
})

// shrink averages blocks of two by two pixels.
func shrink(s *dataset.Images) digits {
	d := digits{x: table{cols: digitSide * digitSide}, labels: s.Labels}
	s.Squares(func(sum int) { d.x.data = append(d.x.data, float64(sum)/(4*255)) })
	return d
}

// targets returns a table with yes in the label's column and no in the other columns.
func (d digits) targets(yes, no float64) table {
	y := table{digitClasses, slices.Repeat([]float64{no}, len(d.labels)*digitClasses)}
	for i, label := range d.labels {
		y.row(i)[label] = yes
	}
	return y
}

// digitsOf returns the task to classify digits. The caller sets the net and the loss.
func digitsOf(dt tensor.Dtype, yes, no float64) supervised {
	train, test := loadDigits()
	return supervised{
		dt: dt, batch: 50, metric: accuracy,
		x: train.x, y: train.targets(yes, no),
		testX: test.x, testY: test.targets(yes, no),
	}
}
