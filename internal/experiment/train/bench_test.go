package train_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
	"github.com/l4-go/l4/internal/experiment/dataset"
	"github.com/l4-go/l4/internal/experiment/model"
	"github.com/l4-go/l4/internal/experiment/train"
)

// benchmark times the steps of one epoch of b.N steps.
func benchmark(b *testing.B, task *train.Task) {
	task.EpochSteps, task.Accuracy = b.N, nil
	s := l4.NewL4Adam(task.Loss)
	solver := train.Solver{Solver: s, LearnRate: func() float64 { return s.Last().LearnRate }}
	b.ReportAllocs()
	b.ResetTimer()
	records, err := train.Run(context.Background(), task, solver, train.Options{Epochs: 1})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(records[0].StepTime.Nanoseconds())/float64(b.N), "ns-solver/op")
}

// BenchmarkRegression is a step of the badly conditioned regression.
func BenchmarkRegression(b *testing.B) {
	for _, dt := range []tensor.Dtype{tensor.Float32, tensor.Float64} {
		b.Run(dt.String(), func(b *testing.B) { benchmark(b, train.Regression(dt, train.NotebookMatrix(), 1, 1)) })
	}
}

// BenchmarkMNIST is a step of the perceptron.
func BenchmarkMNIST(b *testing.B) {
	images, test, err := dataset.MNIST("")
	if err != nil {
		b.Fatal(err)
	}
	for _, batch := range []int{64, 8} {
		b.Run(fmt.Sprint("batch ", batch), func(b *testing.B) {
			weights := model.MLPWeights(tensor.Float32, []int{images.Size(), 300, 100, 10}, rand.New(rand.NewPCG(1, 0)))
			benchmark(b, train.Classify(func(batch int) *model.Net { return model.MLP(weights, batch) }, images, test, batch, 1))
		})
	}
}
