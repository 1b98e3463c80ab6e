package paper

import (
	"fmt"
	"math/rand/v2"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
	"github.com/l4-go/l4/internal/experiment/compare"
	"github.com/l4-go/l4/internal/experiment/dataset"
)

// compare.py runs these benchmarks and the same nets in PyTorch.

// iterate times iterations of a net on one batch of noise: forward, backward and a step of L4Adam.
func iterate(b *testing.B, net *Net) {
	fillBatch(net)
	run := machine(b, net)
	solver, weights := l4.NewL4Adam(net.Loss), G.NodesToValueGrads(net.Weights)
	step := func() {
		run()
		if err := solver.Step(weights); err != nil {
			b.Fatal(err)
		}
		net.Commit()
	}
	for range 3 { // memory is allocated
		step()
	}
	b.ReportAllocs()
	for b.Loop() {
		step()
	}
}

func seed() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

func BenchmarkMLP(b *testing.B) {
	iterate(b, MLP(MLPWeights(tensor.Float32, []int{784, 300, 100, 10}, seed()), 64))
}

func BenchmarkFashion(b *testing.B) {
	iterate(b, Fashion(FashionWeights(tensor.Float32, seed()), 100, Dropout{}))
}

func BenchmarkResNet8(b *testing.B) {
	weights, statistics := ResNetWeights(tensor.Float32, 1, seed())
	iterate(b, ResNet(weights, statistics, 32, true))
}

func BenchmarkResNet32(b *testing.B) {
	weights, statistics := ResNetWeights(tensor.Float32, 5, seed())
	iterate(b, ResNet(weights, statistics, 128, true))
}

// benchmark measures the time of b.N steps of a task with L4Adam, and the solver's part of it.
func benchmark(b *testing.B, task compare.Training, err error) {
	if err != nil {
		b.Fatal(err)
	}
	defer task.Close()
	solver := compare.MustParseChoices("l4adam")[0].New()
	opts := compare.Options{Epochs: 1, EpochSteps: b.N}
	b.ReportAllocs()
	b.ResetTimer()
	epochs, err := compare.Train(b.Context(), task, solver, opts)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(epochs[0].StepTime.Nanoseconds())/float64(b.N), "ns-solver/op")
}

// BenchmarkRegression measures a step of the badly conditioned regression.
func BenchmarkRegression(b *testing.B) {
	for _, dt := range []tensor.Dtype{tensor.Float32, tensor.Float64} {
		b.Run(dt.String(), func(b *testing.B) {
			task, err := NewRegression(dt, NotebookMatrix(), 1)
			benchmark(b, task, err)
		})
	}
}

// BenchmarkMNIST measures a step of the perceptron.
func BenchmarkMNIST(b *testing.B) {
	images, _, err := dataset.MNIST("")
	if err != nil {
		b.Fatal(err)
	}
	for _, batch := range []int{64, 8} {
		b.Run(fmt.Sprint("batch ", batch), func(b *testing.B) {
			task, err := NewMNIST(tensor.Float32, images, nil, batch, 1)
			benchmark(b, task, err)
		})
	}
}
