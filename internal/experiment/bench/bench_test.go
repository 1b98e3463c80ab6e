// Package bench times training iterations of the experiments' nets, alone and beside PyTorch: see
// compare.py.
package bench

import (
	"math/rand/v2"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
	"github.com/l4-go/l4/internal/experiment/model"
	"github.com/l4-go/l4/internal/op"
)

// train times iterations of a net on one batch of noise: forward, backward and a step of L4Adam.
func train(b *testing.B, net *model.Net) {
	r := rand.New(rand.NewPCG(3, 4))
	op.Fill(net.Input.Value().(*tensor.Dense), r.NormFloat64)
	classes := net.Target.Shape()[1]
	i := -1
	op.Fill(net.Target.Value().(*tensor.Dense), func() float64 {
		i++
		if i%classes == i/classes%classes {
			return 1
		}
		return 0
	})
	if _, err := G.Grad(net.Loss, net.Weights...); err != nil {
		b.Fatal(err)
	}
	vm := G.NewTapeMachine(net.Graph, G.BindDualValues(net.Weights...))
	defer vm.Close()
	solver, weights := l4.NewL4Adam(net.Loss), G.NodesToValueGrads(net.Weights)
	iterate := func() {
		vm.Reset()
		if err := vm.RunAll(); err != nil {
			b.Fatal(err)
		}
		if err := solver.Step(weights); err != nil {
			b.Fatal(err)
		}
		net.Commit()
	}
	for range 3 { // memory is allocated
		iterate()
	}
	b.ReportAllocs()
	for b.Loop() {
		iterate()
	}
}

func seed() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

func BenchmarkMLP(b *testing.B) {
	train(b, model.MLP(model.MLPWeights(tensor.Float32, []int{784, 300, 100, 10}, seed()), 64))
}

func BenchmarkFashion(b *testing.B) {
	train(b, model.Fashion(model.FashionWeights(tensor.Float32, seed()), 100, model.Dropout{}))
}

func BenchmarkResNet8(b *testing.B) {
	weights, statistics := model.ResNetWeights(tensor.Float32, 1, seed())
	train(b, model.ResNet(weights, statistics, 32, true))
}

func BenchmarkResNet32(b *testing.B) {
	weights, statistics := model.ResNetWeights(tensor.Float32, 5, seed())
	train(b, model.ResNet(weights, statistics, 128, true))
}
