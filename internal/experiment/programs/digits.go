package programs

import (
	"sync"

	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/experiment/dataset"
)

// digitSide is the number of pixels in a row and in a column of a digit, every second of MNIST's.
const digitSide = 14

const digitClasses = 10

// digits are some of MNIST's, pixels from 0 to 1.
type digits struct {
	x      table
	labels []byte
}

// loadDigits returns 2000 digits to learn from and 1000 to test on. They are read once.
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

// targets has yes in the column of the label and no elsewhere.
func (d digits) targets(yes, no float64) table {
	y := table{cols: digitClasses, data: make([]float64, len(d.labels)*digitClasses)}
	for i := range y.data {
		y.data[i] = no
	}
	for i, label := range d.labels {
		y.row(i)[label] = yes
	}
	return y
}

// digitsOf is the task of classifying digits, without net and loss.
func digitsOf(dt tensor.Dtype, yes, no float64) supervised {
	train, test := loadDigits()
	return supervised{
		dt: dt, batch: 50, metric: accuracy,
		x: train.x, y: train.targets(yes, no),
		testX: test.x, testY: test.targets(yes, no),
	}
}
