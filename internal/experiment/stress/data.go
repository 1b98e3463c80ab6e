package stress

import (
	"fmt"
	"math/rand/v2"
	"os"
	"sync"

	"github.com/l4-go/l4/internal/experiment/dataset"
)

// FashionFolder is where Debian's package dataset-fashion-mnist puts its files.
const FashionFolder = "/usr/share/datasets/fashion-mnist"

// Data are the images that tasks train on, pooled to a quarter of their pixels. They are read when
// a task first needs them.
type Data struct {
	// Note tells if something is not as it should be, otherwise it is empty.
	Note string

	fashion, digits func() (*images, error)
	fashionName     string
}

// images are labelled images, with more to test on.
type images struct{ train, test *dataset.Images }

// NewData returns the data in two folders, each with the four files of MNIST or Fashion-MNIST.
// Where there is no folder with Fashion-MNIST, MNIST takes its place; an empty folder for MNIST
// stands for the module that ships it.
func NewData(fashionFolder, mnistFolder string) *Data {
	d := &Data{fashionName: "Fashion-MNIST", digits: loader(mnistFolder)}
	if _, err := os.Stat(fashionFolder); err == nil {
		d.fashion = loader(fashionFolder)
		return d
	}
	d.fashion, d.fashionName = d.digits, "MNIST"
	d.Note = fmt.Sprintf("No Fashion-MNIST in %q: its tasks use MNIST instead and are easier. "+
		"Debian's package dataset-fashion-mnist has it.", fashionFolder)
	return d
}

// loader returns a function that reads and pools images once.
func loader(folder string) func() (*images, error) {
	return sync.OnceValues(func() (*images, error) {
		train, test, err := dataset.MNIST(folder)
		if err != nil {
			return nil, err
		}
		return &images{pool(train), pool(test)}, nil
	})
}

// pool returns the images with each square of four pixels as their mean.
func pool(s *dataset.Images) *dataset.Images {
	p := *s
	p.Rows, p.Cols = s.Rows/2, s.Cols/2
	p.Pixels = make([]byte, 0, s.Len()*p.Size())
	for at := 0; at < len(s.Pixels); at += s.Size() {
		for y := range p.Rows {
			for x := range p.Cols {
				i := at + 2*y*s.Cols + 2*x
				sum := int(s.Pixels[i]) + int(s.Pixels[i+1]) +
					int(s.Pixels[i+s.Cols]) + int(s.Pixels[i+s.Cols+1])
				p.Pixels = append(p.Pixels, byte((sum+2)/4))
			}
		}
	}
	return &p
}

// pixels writes the pixels of an image, from 0 to 1.
func pixels[T float](to []T, s *dataset.Images, image int) {
	for i, p := range s.Pixels[image*s.Size() : (image+1)*s.Size()] {
		to[i] = T(p) / 255
	}
}

// shuffle deals numbers from 0 to n-1, each once before any comes again.
type shuffle struct {
	r     *rand.Rand
	order []int32
	next  int
}

func newShuffle(n int, r *rand.Rand) *shuffle {
	s := &shuffle{r: r, order: make([]int32, n), next: n}
	for i := range s.order {
		s.order[i] = int32(i)
	}
	return s
}

func (s *shuffle) deal() int {
	if s.next == len(s.order) {
		s.r.Shuffle(len(s.order), func(i, j int) {
			s.order[i], s.order[j] = s.order[j], s.order[i]
		})
		s.next = 0
	}
	s.next++
	return int(s.order[s.next-1])
}
