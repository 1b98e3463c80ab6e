package l4_test

import (
	"context"
	"math/rand/v2"
	"testing"

	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/dataset"
	"github.com/l4-go/l4/internal/model"
	"github.com/l4-go/l4/internal/train"
)

func TestMNISTx(t *testing.T) {
	images, test, err := dataset.MNIST("")
	if err != nil {
		t.Fatal(err)
	}
	weights := model.MLPWeights(tensor.Float32, []int{images.Size(), 300, 100, 10}, rand.New(rand.NewPCG(1, 1)))
	task := train.Classify(func(batch int) *model.Net { return model.MLP(weights, batch) }, images, test, 64, 1)
	s := solvers["L4Adam"](task.Loss)
	r, err := train.Run(context.Background(), task, train.Solver{Solver: s, LearnRate: func() float64 { return s.Last().LearnRate }}, 1, train.Watcher{})
	t.Logf("%+v %v", r, err)
}
