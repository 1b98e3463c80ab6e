package dataset

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// record returns an image in the format of CIFAR-10's files. Each channel of each pixel has a
// different number.
func record(label byte) []byte {
	data := []byte{label}
	for channel := range cifarChannels {
		for i := range cifarSide * cifarSide {
			data = append(data, byte(i%80+80*channel)+label)
		}
	}
	return data
}

// TestCIFAR10: images come in the order of the files, with the channels of a pixel together.
func TestCIFAR10(t *testing.T) {
	train, test, err := CIFAR10(writeFiles(t, t.TempDir(), map[string][]byte{
		"data_batch_1.bin": append(record(3), record(0)...),
		"data_batch_2.bin": record(9),
		"test_batch.bin":   record(1),
	}))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(train.Labels, []byte{3, 0, 9}) || !bytes.Equal(test.Labels, []byte{1}) {
		t.Errorf("labels %v and %v", train.Labels, test.Labels)
	}
	for n, label := range train.Labels {
		image := train.Pixels[n*train.Size() : (n+1)*train.Size()]
		for i, got := range image {
			pixel, channel := i/3, i%3
			if want := byte(pixel%80+80*channel) + label; got != want {
				t.Fatalf("image %d, pixel %d, channel %d: %d, want %d",
					n, pixel, channel, got, want)
			}
		}
	}
	if mean, deviation := test.Normal(1); mean != 123 || deviation != 62.1 {
		t.Errorf("green is normalized by %v and %v", mean, deviation)
	}
}

func TestCIFAR10Rejects(t *testing.T) {
	good := record(1)
	for name, c := range map[string]struct {
		files map[string][]byte
		want  string
	}{
		"nothing":  {nil, "data_batch_1.bin"},
		"no test":  {map[string][]byte{"data_batch_1.bin": good}, "test_batch.bin"},
		"cut off":  {map[string][]byte{"data_batch_1.bin": good[:3000]}, "3000 bytes"},
		"empty":    {map[string][]byte{"data_batch_1.bin": nil}, "0 bytes"},
		"label":    {map[string][]byte{"data_batch_1.bin": record(10)}, "label of image 0 is 10"},
		"too long": {map[string][]byte{"data_batch_1.bin": bytes.Repeat(good, 10_001)}, "10000"},
		"damaged second": {
			map[string][]byte{"data_batch_1.bin": good, "data_batch_2.bin": good[1:]},
			"data_batch_2.bin",
		},
	} {
		_, _, err := CIFAR10(writeFiles(t, t.TempDir(), c.files))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q in it", name, err, c.want)
		}
	}
}

// TestCropFlip: CropFlip moves an image by all distances up to the pad, mirrors half of the images,
// and fills the border with the channel's mean. The result depends only on the random numbers.
func TestCropFlip(t *testing.T) {
	const side, pad, draws = 5, 2, 4000
	s := &Images{
		Rows: side, Cols: side, Channels: 2, Classes: 1,
		Mean: []float64{100.2, 200.8}, Deviation: []float64{1, 1},
	}
	image := make([]byte, s.Size())
	for i := range image {
		image[i] = byte(i)
	}
	moved := map[[3]int]int{}
	to, again := make([]byte, s.Size()), make([]byte, s.Size())
	for seed := range uint64(draws) {
		s.CropFlip(to, image, pad, rand.New(rand.NewPCG(seed, 0)))
		s.CropFlip(again, image, pad, rand.New(rand.NewPCG(seed, 0)))
		if !bytes.Equal(to, again) {
			t.Fatalf("%v and %v with the same seed", to, again)
		}
		for down := -pad; down <= pad; down++ {
			for right := -pad; right <= pad; right++ {
				for mirrored := range 2 {
					if bytes.Equal(to, cropped(image, side, down, right, mirrored == 1)) {
						moved[[3]int{down, right, mirrored}]++
					}
				}
			}
		}
	}
	const ways = (2*pad + 1) * (2*pad + 1) * 2
	total := 0
	for way, n := range moved {
		if total += n; n < draws/ways/2 || n > draws/ways*2 {
			t.Errorf("%v comes %d times in %d draws, want about %d", way, n, draws, draws/ways)
		}
	}
	if len(moved) != ways || total != draws {
		t.Errorf("%d ways and %d draws, want %d and %d", len(moved), total, ways, draws)
	}
}

// cropped returns CropFlip's result for an image of two channels.
func cropped(image []byte, side, down, right int, mirrored bool) []byte {
	var to []byte
	for y := down; y < down+side; y++ {
		var row [][]byte
		for x := right; x < right+side; x++ {
			pixel := []byte{100, 201}
			if x >= 0 && y >= 0 && x < side && y < side {
				pixel = image[2*(y*side+x):][:2]
			}
			row = append(row, pixel)
		}
		if mirrored {
			slices.Reverse(row)
		}
		to = append(to, bytes.Join(row, nil)...)
	}
	return to
}

// FuzzCIFAR: the reader never panics, and accepted files have a label for each image.
func FuzzCIFAR(f *testing.F) {
	f.Add(record(1))
	f.Add(record(1)[:100])
	f.Add(append(record(9), record(10)...))
	f.Fuzz(func(t *testing.T, data []byte) {
		s := newCIFAR()
		if err := s.readCIFAR(bytes.NewReader(data)); err == nil &&
			(s.Len() == 0 || len(s.Pixels) != s.Len()*cifarSize) {
			t.Errorf("%d labels and %d bytes", s.Len(), len(s.Pixels))
		}
	})
}
