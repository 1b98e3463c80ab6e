// Package dataset reads the data sets of the experiments and downloads their files.
package dataset

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"io"
	"os"

	"github.com/pkg/errors"
)

// Images are labelled images of one size.
type Images struct {
	Pixels     []byte // row by row, image by image, the channels of a pixel together
	Labels     []byte // 0 to Classes-1
	Rows, Cols int
	Channels   int // 0 means one grey channel, in which 0 is the background
	Classes    int

	// A net sees (pixel - mean)/deviation of each channel. nil scales pixels to the range from 0 to
	// 1.
	Mean, Deviation []float64
}

// Len returns the number of images.
func (s *Images) Len() int { return len(s.Labels) }

// Size returns the number of bytes of an image.
func (s *Images) Size() int { return s.Rows * s.Cols * s.channels() }

func (s *Images) channels() int { return max(1, s.Channels) }

// Normal returns the mean and the deviation that a channel is normalized by.
func (s *Images) Normal(channel int) (mean, deviation float64) {
	if s.Mean == nil {
		return 0, 255
	}
	return s.Mean[channel], s.Deviation[channel]
}

const (
	imagesMagic = 0x803 // unsigned bytes in three dimensions
	labelsMagic = 0x801 // unsigned bytes in one dimension
	// The sizes of the largest data sets in this format, MNIST and Fashion-MNIST. They limit the
	// memory that a damaged header can request.
	maxLabels = 60_000
	maxPixels = maxLabels * 28 * 28
	maxSide   = 1 << 12 // the product of three sizes fits in 64 bits
)

// loadIDX reads a pair of files in the idx format of MNIST, compressed or not, with ten classes.
// Errors name the file.
func loadIDX(images, labels string) (*Images, error) {
	s := &Images{Classes: 10}
	if err := readFile(images, s.readImages); err != nil {
		return nil, err
	}
	if err := readFile(labels, s.readLabels); err != nil {
		return nil, err
	}
	if n := len(s.Pixels) / s.Size(); n != s.Len() {
		return nil, errors.Errorf("dataset: %s holds %d images but %s %d labels: "+
			"want the files of one data set", images, n, labels, s.Len())
	}
	return s, nil
}

func readFile(path string, read func(io.Reader) error) error {
	f, err := os.Open(path)
	if err != nil {
		return errors.WithMessage(err, "dataset: a file of the data set is missing")
	}
	defer f.Close()
	return errors.WithMessagef(decompressed(f, read), "dataset: %s", path)
}

// decompressed calls read with the bytes of r, decompressed if they are compressed.
func decompressed(r io.Reader, read func(io.Reader) error) error {
	b := bufio.NewReader(r)
	if magic, _ := b.Peek(2); !bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		return read(b)
	}
	z, err := gzip.NewReader(b)
	if err != nil {
		return err
	}
	return read(z)
}

// header reads the magic number and the sizes that follow it.
func header(r io.Reader, magic uint32, sizes []uint32) error {
	words := make([]uint32, 1+len(sizes))
	if err := binary.Read(r, binary.BigEndian, words); err != nil {
		return errors.Wrap(err, "header")
	}
	if words[0] != magic {
		return errors.Errorf("the magic number is %#x, want %#x", words[0], magic)
	}
	copy(sizes, words[1:])
	return nil
}

// body reads exactly n bytes up to the end. It does not allocate n bytes before it has read them.
func body(r io.Reader, n int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, n+1))
	if err != nil {
		return nil, errors.Wrapf(err, "after %d of %d bytes", len(data), n)
	}
	if int64(len(data)) < n {
		return nil, errors.Errorf("the data ends after %d of %d bytes", len(data), n)
	}
	if int64(len(data)) > n {
		return nil, errors.Errorf("the data has more than the %d bytes in the header", n)
	}
	return data, nil
}

func (s *Images) readImages(r io.Reader) (err error) {
	var sizes [3]uint32
	if err := header(r, imagesMagic, sizes[:]); err != nil {
		return err
	}
	n, rows, cols := sizes[0], sizes[1], sizes[2]
	if n == 0 || rows == 0 || cols == 0 || rows > maxSide || cols > maxSide {
		return errors.Errorf("the header has %d images of %d by %d pixels, want at least 1 image "+
			"with sides from 1 to %d", n, rows, cols, maxSide)
	}
	size := int64(n) * int64(rows) * int64(cols)
	if size > maxPixels {
		return errors.Errorf("the header has %d images of %d by %d pixels, want at most %d pixels",
			n, rows, cols, maxPixels)
	}
	s.Rows, s.Cols = int(rows), int(cols)
	s.Pixels, err = body(r, size)
	return err
}

func (s *Images) readLabels(r io.Reader) (err error) {
	var sizes [1]uint32
	if err := header(r, labelsMagic, sizes[:]); err != nil {
		return err
	}
	if sizes[0] > maxLabels {
		return errors.Errorf("the header has %d labels, want at most %d", sizes[0], maxLabels)
	}
	if s.Labels, err = body(r, int64(sizes[0])); err != nil {
		return err
	}
	for i, l := range s.Labels {
		if int(l) >= s.Classes {
			return errors.Errorf("label %d is %d, want below %d", i, l, s.Classes)
		}
	}
	return nil
}
