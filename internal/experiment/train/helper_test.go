package train

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/experiment/dataset"
	"github.com/l4-go/l4/internal/experiment/model"
)

// randomImages returns images of 2 by 2 random pixels, of which a bright one tells the class of
// three.
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

func smallWeights() model.Weights {
	return model.MLPWeights(tensor.Float64, []int{4, 5, 3}, rand.New(rand.NewPCG(3, 4)))
}

// must returns the task, which has been made without an error.
func must[T Task](t *testing.T, task T, err error) T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { task.Close() })
	return task
}

// fit runs a task with a kind at its default.
func fit(t *testing.T, task Task, kind string, opts Options) []Record {
	t.Helper()
	k, ok := KindOf(kind)
	if !ok {
		t.Fatalf("no kind %s", kind)
	}
	records, err := Run(context.Background(), task, k.New(k.Value), opts)
	if err != nil {
		t.Fatal(err)
	}
	return records
}

// floats returns a copy of all numbers of some values.
func floats(values []gorgonia.Value) []float64 {
	var xs []float64
	for _, v := range values {
		switch d := v.Data().(type) {
		case []float64:
			xs = append(xs, d...)
		case []float32:
			for _, x := range d {
				xs = append(xs, float64(x))
			}
		case float64:
			xs = append(xs, d)
		case float32:
			xs = append(xs, float64(d))
		}
	}
	return xs
}

// untimed returns records without their times.
func untimed(records []Record) []Record {
	records = slices.Clone(records)
	for i := range records {
		records[i].Time, records[i].StepTime = 0, 0
	}
	return records
}
