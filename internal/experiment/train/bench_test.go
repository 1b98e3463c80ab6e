package train_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/experiment/dataset"
	"github.com/l4-go/l4/internal/experiment/model"
	"github.com/l4-go/l4/internal/experiment/train"
)

// benchmark times b.N steps of a task with L4Adam, and what they spend in the solver.
func benchmark(b *testing.B, task train.Task, err error) {
	if err != nil {
		b.Fatal(err)
	}
	defer task.Close()
	kind, _ := train.KindOf("l4adam")
	opts := train.Options{Epochs: 1, EpochSteps: b.N}
	b.ReportAllocs()
	b.ResetTimer()
	records, err := train.Run(context.Background(), task, kind.New(kind.Value), opts)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(records[0].StepTime.Nanoseconds())/float64(b.N), "ns-solver/op")
}

// BenchmarkRegression is a step of the badly conditioned regression.
func BenchmarkRegression(b *testing.B) {
	for _, dt := range []tensor.Dtype{tensor.Float32, tensor.Float64} {
		b.Run(dt.String(), func(b *testing.B) {
			task, err := train.Regression(dt, train.NotebookMatrix(), 1)
			benchmark(b, task, err)
		})
	}
}

// BenchmarkMNIST is a step of the perceptron.
func BenchmarkMNIST(b *testing.B) {
	images, _, err := dataset.MNIST("")
	if err != nil {
		b.Fatal(err)
	}
	for _, batch := range []int{64, 8} {
		b.Run(fmt.Sprint("batch ", batch), func(b *testing.B) {
			layers := []int{images.Size(), 300, 100, 10}
			weights := model.MLPWeights(tensor.Float32, layers, rand.New(rand.NewPCG(1, 0)))
			net := model.MLP(weights, batch)
			task, err := train.Classify(net, model.MLP(weights, batch), images, nil, 1)
			benchmark(b, task, err)
		})
	}
}
