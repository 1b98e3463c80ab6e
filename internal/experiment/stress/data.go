package stress

import (
	"context"
	"math/rand/v2"
	"sync"

	"github.com/l4-go/l4/internal/experiment/dataset"
)

// Data is the images that tasks train on. Its zero value is for tasks that do not run.
type Data struct{ fashion, digits *pictures }

// Find returns the folder with the files of a data set, and downloads missing files.
type Find func(context.Context) (folder string, err error)

// NewData returns the images of Fashion-MNIST and of MNIST, each from a folder with four files. If
// digits returns "", MNIST is read from the Go module that ships it.
func NewData(fashion, digits Find) *Data {
	return &Data{
		fashion: &pictures{find: fashion, read: dataset.FashionMNIST},
		digits:  &pictures{find: digits, read: dataset.MNIST},
	}
}

// pictures is a data set. It is read when a task needs it for the first time.
type pictures struct {
	find Find
	read func(folder string) (train, test *dataset.Images, err error)

	mu   sync.Mutex
	have *images // nil before the data set is read
}

// images are labelled images to train and to test on, with a quarter of the original pixels.
type images struct{ train, test *dataset.Images }

func (p *pictures) load(ctx context.Context) (*images, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.have == nil {
		folder, err := p.find(ctx)
		if err != nil {
			return nil, err
		}
		train, test, err := p.read(folder)
		if err != nil {
			return nil, err
		}
		p.have = &images{pool(train), pool(test)}
	}
	return p.have, nil
}

// pool returns images in which each square of four pixels is replaced by their mean.
func pool(s *dataset.Images) *dataset.Images {
	p := *s
	p.Rows, p.Cols = s.Rows/2, s.Cols/2
	p.Pixels = make([]byte, 0, s.Len()*p.Size())
	s.Squares(func(sum int) { p.Pixels = append(p.Pixels, byte((sum+2)/4)) })
	return &p
}

// pixels writes the pixels of an image, scaled to the range from 0 to 1.
func pixels[T float](to []T, s *dataset.Images, image int) {
	for i, p := range s.Pixels[image*s.Size() : (image+1)*s.Size()] {
		to[i] = T(p) / 255
	}
}

// shuffle returns the numbers from 0 to n-1 in random order, and then in a new random order.
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
