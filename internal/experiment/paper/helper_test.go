package paper

import (
	"math/rand/v2"
	"testing"

	"gorgonia.org/gorgonia"

	"github.com/l4-go/l4/internal/experiment/compare"
	"github.com/l4-go/l4/internal/experiment/dataset"
	"github.com/l4-go/l4/internal/op/optest"
)

// randomImages returns images of 2 by 2 random pixels in three classes. The position of a bright
// pixel is the class.
func randomImages(n int) *dataset.Images {
	r := rand.New(rand.NewPCG(1, 2))
	s := &dataset.Images{Rows: 2, Cols: 2, Classes: 3}
	for range n {
		label := r.IntN(3)
		s.Labels = append(s.Labels, byte(label))
		for i := range 4 {
			pixel := byte(r.IntN(128))
			if i == label {
				pixel = 255
			}
			s.Pixels = append(s.Pixels, pixel)
		}
	}
	return s
}

// must returns the training and closes it at the end of the test. The test fails if err is not nil.
func must[T compare.Training](t *testing.T, training T, err error) T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { training.Close() })
	return training
}

// floats returns a copy of all numbers of some values.
func floats(values ...gorgonia.Value) []float64 {
	var xs []float64
	for _, v := range values {
		xs = append(xs, optest.Floats(v)...)
	}
	return xs
}
