// Package layer has the layers of the experiments' nets. Each is one Gorgonia operation with
// gradients by hand, a module of package op.
package layer

import (
	"github.com/pkg/errors"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/experiment/gemm"
	"github.com/l4-go/l4/internal/op"
)

// conv is a convolution with its gradients. It reads padded images without copies, because the
// pixels of a filter's row are adjacent in the image as in the weights.
type conv[T op.Float] struct {
	convSize
	kernel  gemm.Kernel[T]
	panels  []T // the weights, packed
	phases  []phase[T]
	partial [chunks][]T // gradients of the weights
	zeros   []T
}

// phase is the part of the gradient of the input whose pixel coordinates have the same remainder
// modulo the stride. These pixels depend on the same weights, which are a stride apart.
type phase[T op.Float] struct {
	y, x         int // the remainders
	fromY, fromX int // the first pixel of the output's gradient that pixel (y, x) depends on
	tapsY, tapsX int
	panels       []T
}

func newConv[T op.Float](s convSize) conv[T] {
	return conv[T]{
		convSize: s, kernel: gemm.Of[T](),
		panels: make([]T, s.k*s.k*s.in*gemm.RoundUp(s.out)),
		zeros:  make([]T, gemm.RoundUp(s.out)),
	}
}

func (c *conv[T]) paddedInput() padded[T] {
	return newPadded[T](c.height, c.width, c.in, c.padding())
}

func (c *conv[T]) paddedGradient() padded[T] {
	return newPadded[T](c.outHeight(), c.outWidth(), c.out, c.padding())
}

// pack packs the weights. It must be called before image.
func (c *conv[T]) pack(w []T) { gemm.Pack(c.panels, w, c.k*c.k*c.in, c.out, c.out) }

// image convolves one image and adds init, whose pixels are initI elements apart. For a bias initI
// is 0.
func (c *conv[T]) image(out []T, x *padded[T], init []T, initI int) {
	p := gemm.Product{
		Rows: c.outWidth(), Outer: c.k, Inner: c.k * c.in,
		AI: c.stride * c.in, AJ: x.row, AK: 1,
		BJ: c.k * c.in * gemm.Cols, BK: gemm.Cols,
		InitI: initI, CI: c.out,
	}
	for o := 0; o < c.out; o += gemm.Cols {
		p.Cols = min(gemm.Cols, c.out-o)
		b := c.panels[o*c.k*c.k*c.in:]
		for y := range c.outHeight() {
			at := y * c.outWidth()
			c.kernel.Multiply(p, x.all[y*c.stride*x.row:], b, init[at*initI+o:], out[at*c.out+o:])
		}
	}
}

// startBackward clears the partial gradients of the weights, and packs the weights for
// inputGradient.
func (c *conv[T]) startBackward(w []T) {
	if c.phases == nil {
		c.phases = c.newPhases()
		for i := range c.partial {
			c.partial[i] = make([]T, c.weights())
		}
	}
	for _, p := range c.partial {
		clear(p)
	}
	for _, p := range c.phases {
		c.packPhase(&p, w)
	}
}

func (c *conv[T]) newPhases() []phase[T] {
	// Pixel y = stride·q + rest depends on row q + (rest + padding - r)/stride - t of the gradient
	// by the tap stride·t + r, where r is (rest + padding) mod stride.
	along := func(rest int) (from, taps int) {
		r := (rest + c.padding()) % c.stride
		taps = (c.k - r + c.stride - 1) / c.stride
		return (rest+c.padding()-r)/c.stride - (taps - 1), taps
	}
	var phases []phase[T]
	for y := range c.stride {
		for x := range c.stride {
			p := phase[T]{y: y, x: x}
			p.fromY, p.tapsY = along(y)
			p.fromX, p.tapsX = along(x)
			p.panels = make([]T, p.tapsY*p.tapsX*c.out*gemm.RoundUp(c.in))
			phases = append(phases, p)
		}
	}
	return phases
}

// packPhase packs the weights of a phase, with taps in reverse order and channels exchanged.
func (c *conv[T]) packPhase(p *phase[T], w []T) {
	panels := p.panels
	for i := 0; i < c.in; i += gemm.Cols {
		for ty := p.tapsY - 1; ty >= 0; ty-- {
			for tx := p.tapsX - 1; tx >= 0; tx-- {
				ky := ty*c.stride + (p.y+c.padding())%c.stride
				kx := tx*c.stride + (p.x+c.padding())%c.stride
				at := ((ky*c.k+kx)*c.in + i) * c.out
				gemm.PackTransposed(panels, w[at:], c.out, min(gemm.Cols, c.in-i), c.out)
				panels = panels[c.out*gemm.Cols:]
			}
		}
	}
}

// inputGradient sets dx to the gradient of one image or, if add is set, adds the gradient to dx.
func (c *conv[T]) inputGradient(dx []T, grad *padded[T], add bool) {
	for _, ph := range c.phases {
		p := gemm.Product{
			Rows:  (c.width - ph.x + c.stride - 1) / c.stride,
			Outer: ph.tapsY, Inner: ph.tapsX * c.out,
			AI: c.out, AJ: grad.row, AK: 1,
			BJ: ph.tapsX * c.out * gemm.Cols, BK: gemm.Cols,
			CI: c.stride * c.in,
		}
		from := grad.first + ph.fromY*grad.row + ph.fromX*c.out
		for i := 0; i < c.in && p.Rows > 0; i += gemm.Cols {
			p.Cols = min(gemm.Cols, c.in-i)
			b := ph.panels[i*ph.tapsY*ph.tapsX*c.out:]
			for y := ph.y; y < c.height; y += c.stride {
				to := dx[(y*c.width+ph.x)*c.in+i:]
				init := c.zeros
				if add {
					init, p.InitI = to, p.CI
				}
				c.kernel.Multiply(p, grad.all[from+y/c.stride*grad.row:], b, init, to)
			}
		}
	}
}

// weightGradient adds the gradient of the weights for one image to the partial sum of a chunk.
func (c *conv[T]) weightGradient(chunk int, x, grad *padded[T]) {
	dw, rows := c.partial[chunk], c.k*c.in
	band := max(1, 128/c.outWidth()) // rows of pixels whose panel stays in the first cache
	p := gemm.Product{
		Rows: rows, Inner: c.outWidth(),
		AI: 1, AJ: c.stride * x.row, AK: c.stride * c.in,
		BJ: grad.row, BK: c.out,
		InitI: c.out, CI: c.out,
	}
	for y := 0; y < c.outHeight(); y += band {
		p.Outer = min(band, c.outHeight()-y)
		for o := 0; o < c.out; o += gemm.Cols {
			p.Cols = min(gemm.Cols, c.out-o)
			b := grad.all[grad.first+y*grad.row+o:]
			for ky := range c.k {
				to := dw[ky*rows*c.out+o:]
				c.kernel.Multiply(p, x.all[(y*c.stride+ky)*x.row:], b, to, to)
			}
		}
	}
}

// endBackward sets dw to the sum over all images.
func (c *conv[T]) endBackward(dw []T) {
	copy(dw, c.partial[0])
	for _, p := range c.partial[1:] {
		c.kernel.Add(dw, p)
	}
}

// convSize is the size of a convolution of a batch of images (height, width, in), channels last,
// with weights (k, k, in, out). Images are padded with k/2 zeros on each side.
type convSize struct{ batch, height, width, in, out, k, stride int }

// newConvSize returns the size for images x and weights w, and checks it.
func newConvSize(layer string, x, w *G.Node, stride int) (s convSize, err error) {
	sx, sw := x.Shape(), w.Shape()
	if len(sx) != 4 || len(sw) != 4 || sx[3] != sw[2] || sw[0] != sw[1] {
		return s, errors.Errorf("layer: %s: images and weights have shapes %v and %v, "+
			"want (batch, height, width, in) and (k, k, in, out)", layer, sx, sw)
	}
	s = convSize{sx[0], sx[1], sx[2], sx[3], sw[3], sw[0], stride}
	if s.k < 3 || s.k%2 == 0 {
		return s, errors.Errorf("layer: %s: the filters have %d×%d pixels, want an odd size "+
			"from 3 on", layer, s.k, s.k)
	}
	if stride != 1 && stride != 2 {
		return s, errors.Errorf("layer: %s: the stride is %d, want 1 or 2", layer, stride)
	}
	return s, nil
}

func (s *convSize) outHeight() int { return (s.height + s.stride - 1) / s.stride }
func (s *convSize) outWidth() int  { return (s.width + s.stride - 1) / s.stride }
func (s *convSize) inSize() int    { return s.height * s.width * s.in }
func (s *convSize) outSize() int   { return s.outHeight() * s.outWidth() * s.out }
func (s *convSize) outRow() int    { return s.outWidth() * s.out }
func (s *convSize) weights() int   { return s.k * s.k * s.in * s.out }

func (s *convSize) outShape() tensor.Shape {
	return tensor.Shape{s.batch, s.outHeight(), s.outWidth(), s.out}
}

// padding returns the width of the border of zeros around an image and around the gradient of the
// output.
func (s *convSize) padding() int { return s.k / 2 }

// padded is an image with a border of zeros.
type padded[T op.Float] struct {
	all        []T
	row, width int // elements of a row, with its border and without
	first      int // element of the image itself
}

func newPadded[T op.Float](height, width, channels, border int) padded[T] {
	p := padded[T]{row: (width + 2*border) * channels, width: width * channels}
	p.first = border*p.row + border*channels
	// A panel may extend beyond the last pixel.
	p.all = make([]T, (height+2*border)*p.row+gemm.Cols)
	return p
}

// at returns row y of the image without its border.
func (p *padded[T]) at(y int) []T {
	from := p.first + y*p.row
	return p.all[from : from+p.width]
}

// set copies an image to the inside of the border.
func (p *padded[T]) set(image []T) {
	for y := 0; len(image) > 0; y++ {
		image = image[copy(p.at(y), image):]
	}
}

// part returns part i of a batch that is divided into parts of the given size.
func part[T any](batch []T, i, size int) []T { return batch[i*size : (i+1)*size] }

// fold adds the pixels of a row to the sums of their channels.
func fold[T op.Float](sums []float64, row []T) {
	for ; len(row) > 0; row = row[len(sums):] {
		for c, x := range row[:len(sums)] {
			sums[c] += float64(x)
		}
	}
}

// spread writes the numbers of the channels to each pixel of a row.
func spread[T op.Float](row []T, channels []float64) {
	for ; len(row) > 0; row = row[len(channels):] {
		for c, x := range channels {
			row[c] = T(x)
		}
	}
}
