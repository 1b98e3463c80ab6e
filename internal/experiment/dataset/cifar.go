package dataset

import (
	"io"
	"os"
	"path/filepath"

	"github.com/pkg/errors"
)

// The files of CIFAR-10's binary version. Each holds images of 32 by 32 pixels: a byte for the
// label, and all reds, all greens and all blues.
const (
	cifarSide     = 32
	cifarChannels = 3
	cifarSize     = cifarSide * cifarSide * cifarChannels
	cifarRecord   = 1 + cifarSize
	cifarImages   = 10_000 // largest number in a file
)

// cifarFiles are the files with the training images and, last, the file with the test images.
var cifarFiles = []string{
	"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin",
	"data_batch_5.bin", "test_batch.bin",
}

// CIFAR10 reads CIFAR-10, small pictures of ten classes, from a folder with the files of its binary
// version. The files are data_batch_1.bin, test_batch.bin and, optionally, data_batch_2.bin to
// data_batch_5.bin; it reads the latter up to the first missing file.
func CIFAR10(folder string) (train, test *Images, err error) {
	train, test = newCIFAR(), newCIFAR()
	last := len(cifarFiles) - 1
	for i, name := range cifarFiles[:last] {
		path := filepath.Join(folder, name)
		if _, err := os.Stat(path); i > 0 && os.IsNotExist(err) {
			break
		}
		if err := readFile(path, train.readCIFAR); err != nil {
			return nil, nil, err
		}
	}
	if err := readFile(filepath.Join(folder, cifarFiles[last]), test.readCIFAR); err != nil {
		return nil, nil, err
	}
	return train, test, nil
}

// newCIFAR returns an empty set of images with the mean and the standard deviation of all training
// images of CIFAR-10.
func newCIFAR() *Images {
	return &Images{
		Rows: cifarSide, Cols: cifarSide, Channels: cifarChannels, Classes: 10,
		Mean: []float64{125.3, 123.0, 113.9}, Deviation: []float64{63.0, 62.1, 66.7},
	}
}

// readCIFAR appends the images of a file.
func (s *Images) readCIFAR(r io.Reader) error {
	const record, most = cifarRecord, cifarImages * cifarRecord
	data, err := io.ReadAll(io.LimitReader(r, most+1))
	if err != nil {
		return errors.Wrapf(err, "after %d bytes", len(data))
	}
	if n := len(data); n == 0 || n > most || n%record != 0 {
		return errors.Errorf("the file has %d bytes or more, want %d for each of 1 to %d images",
			n, record, cifarImages)
	}
	for ; len(data) > 0; data = data[record:] {
		label := data[0]
		if int(label) >= s.Classes {
			return errors.Errorf("the label of image %d is %d, want below %d",
				s.Len(), label, s.Classes)
		}
		s.Labels = append(s.Labels, label)
		plane := data[1:record]
		for i := range cifarSide * cifarSide {
			for c := range cifarChannels {
				s.Pixels = append(s.Pixels, plane[c*cifarSide*cifarSide+i])
			}
		}
	}
	return nil
}
