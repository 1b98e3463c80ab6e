package layer

import (
	"math"
	"slices"

	"github.com/pkg/errors"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/experiment/gemm"
	"github.com/l4-go/l4/internal/op"
)

// BatchNorm has the arguments of a batch norm, which normalizes each channel over batch and pixels:
// scale·(x - mean)/√(variance + 1e-5) + shift, for scale and shift of shape (channels).
type BatchNorm struct {
	Scale, Shift *G.Node
	Statistics   *Statistics

	// Training makes the layer use the mean and the variance of the batch, and record them for
	// Statistics.Commit. Without Training the layer uses Statistics and has no gradients.
	Training bool
}

const (
	normEpsilon = 1e-5
	normKeep    = 0.9 // factor of the running statistics in Commit
)

func (b BatchNorm) check(layer string, channels int) error {
	want := tensor.Shape{channels}
	if !b.Scale.Shape().Eq(want) || !b.Shift.Shape().Eq(want) {
		return errors.Errorf("layer: %s: scale and shift have shapes %v and %v, want %v",
			layer, b.Scale.Shape(), b.Shift.Shape(), want)
	}
	if b.Statistics == nil || len(b.Statistics.Mean) != channels {
		return errors.Errorf("layer: %s: the statistics of %d channels are missing: "+
			"make them with NewStatistics", layer, channels)
	}
	return nil
}

// Statistics are the running mean and variance of the channels of a batch norm, for evaluation.
// Nets that share weights also share Statistics.
type Statistics struct {
	Mean, Variance []float64

	batchMean, batchVariance []float64
	fresh                    bool // the batch's statistics are not yet committed
}

// NewStatistics returns Statistics with means of 0 and variances of 1.
func NewStatistics(channels int) *Statistics {
	return &Statistics{
		Mean: make([]float64, channels), Variance: slices.Repeat([]float64{1}, channels),
		batchMean: make([]float64, channels), batchVariance: make([]float64, channels),
	}
}

// Commit adds the last batch to the running statistics, with a weight of a tenth. Call it after
// each step that the solver has made. A batch without a Commit, such as the batch of a rejected
// step, does not change the statistics.
func (s *Statistics) Commit() {
	if !s.fresh {
		return
	}
	s.fresh = false
	for c := range s.Mean {
		s.Mean[c] = normKeep*s.Mean[c] + (1-normKeep)*s.batchMean[c]
		s.Variance[c] = normKeep*s.Variance[c] + (1-normKeep)*s.batchVariance[c]
	}
}

// Values returns the running mean and variance as values that share their memory, for a checkpoint.
func (s *Statistics) Values() []G.Value {
	of := func(x []float64) G.Value { return tensor.New(tensor.WithBacking(x)) }
	return []G.Value{of(s.Mean), of(s.Variance)}
}

// norm is the arithmetic of a batch norm. It computes the moments of each image separately and
// combines them in float64, always in the same order.
type norm[T op.Float] struct {
	kernel   gemm.Kernel[T]
	images   int
	rows     int
	pixels   int // of a row
	channels int
	*Statistics

	// Of each image, by channel: the mean and the sum of squared distances from the mean. In the
	// backward pass: the sums of the gradient and of the gradient times x - mean.
	means, squares, grads, gradsX []float64

	// Of the batch, by channel: the mean, 1/√(variance + ε), and scale/√(variance + ε).
	mean, inverse, factor []float64

	scale, shift, center []T // rows: y = scale·x + shift; the mean
	a, b, c              []T // rows: dx = a·gradient + b·x + c
}

func newNorm[T op.Float](size convSize, s *Statistics) *norm[T] {
	n := &norm[T]{
		kernel: gemm.Of[T](), Statistics: s,
		images: size.batch, rows: size.outHeight(), pixels: size.outWidth(), channels: size.out,
	}
	for _, x := range []*[]float64{&n.means, &n.squares, &n.grads, &n.gradsX} {
		*x = make([]float64, size.batch*size.out)
	}
	for _, x := range []*[]float64{&n.mean, &n.inverse, &n.factor} {
		*x = make([]float64, size.out)
	}
	for _, x := range []*[]T{&n.scale, &n.shift, &n.center, &n.a, &n.b, &n.c} {
		*x = make([]T, size.outRow())
	}
	return n
}

// normScratch is the scratch memory of a goroutine for sums of rows.
type normScratch[T op.Float] struct{ sum, sumX, center []T }

func newNormScratch[T op.Float](row int) normScratch[T] {
	return normScratch[T]{make([]T, row), make([]T, row), make([]T, row)}
}

// measure computes the moments of image i.
func (n *norm[T]) measure(i int, x []T, s *normScratch[T]) {
	means, squares := part(n.means, i, n.channels), part(n.squares, i, n.channels)
	row, count := len(s.sum), float64(n.rows*n.pixels)
	clear(s.sum)
	for r := range n.rows {
		n.kernel.Add(s.sum, part(x, r, row))
	}
	clear(means)
	fold(means, s.sum)
	for c := range means {
		means[c] /= count
	}
	spread(s.center, means)
	clear(s.sum)
	for r := range n.rows {
		n.kernel.AddSquares(s.sum, part(x, r, row), s.center)
	}
	clear(squares)
	fold(squares, s.sum)
	for c := range squares { // center is the mean rounded
		d := means[c] - float64(s.center[c])
		squares[c] = max(0, squares[c]-count*d*d)
	}
}

// useBatch sets scale and shift of the rows from the moments of the images.
func (n *norm[T]) useBatch(scale, shift []T) {
	count := float64(n.rows * n.pixels)
	clear(n.batchMean)
	for i := range n.images {
		for c, m := range part(n.means, i, n.channels) {
			n.batchMean[c] += m / float64(n.images)
		}
	}
	clear(n.batchVariance)
	for i := range n.images {
		squares := part(n.squares, i, n.channels)
		for c, m := range part(n.means, i, n.channels) {
			d := m - n.batchMean[c]
			n.batchVariance[c] += squares[c] + count*d*d
		}
	}
	count *= float64(n.images)
	for c := range n.batchVariance {
		n.batchVariance[c] /= count
	}
	n.use(n.batchMean, n.batchVariance, scale, shift)
	for c := range n.batchVariance { // the running one is not biased
		n.batchVariance[c] *= count / max(1, count-1)
	}
	n.fresh = true
}

// useRunning sets scale and shift of the rows from the running statistics.
func (n *norm[T]) useRunning(scale, shift []T) { n.use(n.Mean, n.Variance, scale, shift) }

func (n *norm[T]) use(mean, variance []float64, scale, shift []T) {
	copy(n.mean, mean)
	for c, v := range variance {
		n.inverse[c] = 1 / math.Sqrt(v+normEpsilon)
		n.factor[c] = float64(scale[c]) * n.inverse[c]
	}
	spread(n.scale, n.factor)
	spread(n.center, n.mean)
	for p := range n.pixels {
		for c := range n.channels {
			n.shift[p*n.channels+c] = T(float64(shift[c]) - n.mean[c]*n.factor[c])
		}
	}
}

// normalize sets a row to norm(x) + add, rectified.
func (n *norm[T]) normalize(y, x, add []T) { n.kernel.Normalize(y, x, n.scale, n.shift, add) }

// mask sets dx to the gradient dy of image i where the rectified y is not 0, and to 0 elsewhere. y
// returns a row of the rectified output. mask also computes the sums that backward needs. dx and dy
// may be the same slice.
func (n *norm[T]) mask(i int, dx, dy []T, y func(row int) []T, x []T, s *normScratch[T]) {
	clear(s.sum)
	clear(s.sumX)
	row := len(s.sum)
	for r := range n.rows {
		d, g, z := part(dx, r, row), part(dy, r, row), part(x, r, row)
		n.kernel.Mask(d, g, y(r), z, n.center, s.sum, s.sumX)
	}
	grads, gradsX := part(n.grads, i, n.channels), part(n.gradsX, i, n.channels)
	clear(grads)
	clear(gradsX)
	fold(grads, s.sum)
	fold(gradsX, s.sumX)
	for c := range gradsX { // center is the mean rounded
		gradsX[c] += grads[c] * (float64(n.center[c]) - n.mean[c])
	}
}

// inputGradient sets dx to the gradient of an image x, given the gradient of norm(x).
func (n *norm[T]) inputGradient(dx *padded[T], grad, x []T) {
	row := len(n.a)
	for r := range n.rows {
		n.kernel.Combine(dx.at(r), part(grad, r, row), part(x, r, row), n.a, n.b, n.c)
	}
}

// backward sets the gradients of scale and shift, and the rows a, b and c.
func (n *norm[T]) backward(dscale, dshift []T) {
	count := float64(n.images * n.rows * n.pixels)
	for c := range n.channels {
		sum, sumX := 0.0, 0.0
		for i := range n.images {
			sum += n.grads[i*n.channels+c]
			sumX += n.gradsX[i*n.channels+c]
		}
		dshift[c], dscale[c] = T(sum), T(sumX*n.inverse[c])
		b := -n.factor[c] * n.inverse[c] * n.inverse[c] * sumX / count
		n.a[c], n.b[c], n.c[c] = T(n.factor[c]), T(b), T(-n.factor[c]*sum/count-b*n.mean[c])
	}
	for _, row := range [][]T{n.a, n.b, n.c} {
		for rest := row[n.channels:]; len(rest) > 0; {
			rest = rest[copy(rest, row[:n.channels]):]
		}
	}
}
