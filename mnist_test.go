package l4_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"gonum.org/v1/gonum/stat"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/experiment/dataset"
	"github.com/l4-go/l4/internal/experiment/model"
	"github.com/l4-go/l4/internal/experiment/paper"
	"github.com/l4-go/l4/internal/experiment/train"
)

// needFull skips the long reproductions unless they are asked for.
func needFull(t *testing.T) {
	if os.Getenv("L4_FULL") == "" {
		t.Skip("takes long: set L4_FULL=1")
	}
}

// plain returns the setting of the paper's algorithm, which is L4 without its bound.
func plain(s paper.Setting) paper.Setting {
	if strings.HasPrefix(s.Kind, "l4") {
		s.Kind += "-plain"
	}
	return s
}

// runTask trains a task and logs its history.
func runTask(
	t *testing.T, newTask func() (train.Task, error), setting paper.Setting,
	epochs, epochSteps, logEvery int,
) []train.Record {
	t.Helper()
	task, err := train.Build(newTask)
	if err != nil {
		t.Fatal(err)
	}
	defer task.Close()
	kind, _ := train.KindOf(setting.Kind)
	opts := train.Options{Epochs: epochs, EpochSteps: epochSteps, OnEpoch: func(r train.Record) {
		if r.Epoch%logEvery == 0 {
			t.Logf("epoch %d: mean loss %.4g, last loss %.4g, mean learning rate %.3g, "+
				"test accuracy %.2f %%", r.Epoch, r.Loss, r.LastLoss, r.LearnRate, 100*r.Accuracy)
		}
	}}
	records, err := train.Run(context.Background(), task, kind.New(setting.Value), opts)
	if err != nil {
		t.Fatal(err)
	}
	return records
}

// runMNIST trains the perceptron of the paper's section 3.2 on all of MNIST.
func runMNIST(t *testing.T, setting paper.Setting, seed uint64, epochs int) []train.Record {
	t.Helper()
	images, test, err := dataset.MNIST("")
	if err != nil {
		t.Fatal(err)
	}
	const batch = 64
	return runTask(t, func() (train.Task, error) {
		layers := []int{images.Size(), 300, 100, images.Classes}
		weights := model.MLPWeights(tensor.Float32, layers, rand.New(rand.NewPCG(seed, 0)))
		net, eval := model.MLP(weights, batch), model.MLP(weights, 500)
		return train.Classify(net, eval, images, test, seed)
	}, setting, epochs, images.Len()/batch, 1)
}

// TestMNIST trains for one epoch.
func TestMNIST(t *testing.T) {
	if testing.Short() {
		t.Skip("takes several seconds")
	}
	for setting, accuracy := range map[paper.Setting]float64{
		{Kind: "l4adam", Value: 0.15}: 0.95, {Kind: "l4mom", Value: 0.15}: 0.945,
	} {
		t.Run(fmt.Sprint(setting), func(t *testing.T) {
			if got := runMNIST(t, setting, 1, 1)[0].Accuracy; got < accuracy {
				t.Errorf("test accuracy %.4f after one epoch, want %v", got, accuracy)
			}
		})
	}
}

// differs are the cells of Table 2, by epoch, that come out otherwise here: after the first epoch
// the paper has the larger fraction ahead, and we the smaller. docs/results.md has more on it.
var differs = map[paper.Setting]int{
	{Kind: "l4adam", Value: 0.25}: 1, {Kind: "l4mom", Value: 0.25}: 1,
}

// TestMNISTFull repeats Table 2 and Fig. 3(a): each accuracy within three standard deviations of
// the paper's, and the losses of L4 far below any that a constant rate gets to.
func TestMNISTFull(t *testing.T) {
	needFull(t)
	losses := map[paper.Setting]float64{
		{Kind: "l4adam", Value: 0.15}: 1e-6, {Kind: "l4adam", Value: 0.25}: 1e-9,
		{Kind: "l4mom", Value: 0.15}: 1e-4, {Kind: "l4mom", Value: 0.25}: 1e-6,
	}
	const starts, epochs = 5, 30
	for _, row := range paper.MNIST {
		t.Run(fmt.Sprint(row.Setting), func(t *testing.T) {
			t.Parallel()
			accuracies, lastLosses := map[int][]float64{}, []float64{}
			for seed := range uint64(starts) {
				records := runMNIST(t, plain(row.Setting), seed+1, epochs)
				for epoch := range row.Accuracy {
					accuracies[epoch] = append(accuracies[epoch], 100*records[epoch-1].Accuracy)
				}
				lastLosses = append(lastLosses, records[epochs-1].Loss)
			}
			for epoch, want := range row.Accuracy {
				got, std := stat.MeanStdDev(accuracies[epoch], nil)
				t.Logf("after %d epochs: test accuracy %.2f ± %.2f, paper %.1f ± %.1f",
					epoch, got, std, want.Mean, want.Std)
				if differs[row.Setting] == epoch {
					continue
				}
				if math.Abs(got-want.Mean) > 3*max(want.Std, 0.15) {
					t.Errorf("test accuracy %.2f %% after %d epochs, the paper's is %.1f ± %.1f",
						got, epoch, want.Mean, want.Std)
				}
			}
			loss := stat.Mean(lastLosses, nil)
			t.Logf("mean loss of epoch %d: %.3g", epochs, loss)
			if want, ok := losses[row.Setting]; ok && !(loss < want) {
				t.Errorf("mean loss %.3g of epoch %d, want less than %g", loss, epochs, want)
			}
		})
	}
}

// regressionLosses trains the badly conditioned net of the paper's section 3.1, on the matrix of
// its notebook, and returns the loss of the last step from each start.
func regressionLosses(t *testing.T, setting paper.Setting, steps, starts int) []float64 {
	t.Helper()
	const epochSteps = 1000
	var losses []float64
	for seed := range uint64(starts) {
		records := runTask(t, func() (train.Task, error) {
			return train.Regression(tensor.Float64, train.NotebookMatrix(), seed+1)
		}, setting, steps/epochSteps, epochSteps, 10)
		losses = append(losses, records[len(records)-1].LastLoss)
	}
	return losses
}

// TestRegression trains for 10,000 steps, where Adam has hardly begun.
func TestRegression(t *testing.T) {
	if testing.Short() {
		t.Skip("takes several seconds")
	}
	for setting, within := range map[paper.Setting][2]float64{
		{Kind: "l4adam", Value: 0.25}: {0, 1e-9},
		{Kind: "l4mom", Value: 0.25}:  {0, 1e-9},
		{Kind: "adam", Value: 1e-3}:   {1e-3, math.Inf(1)},
	} {
		t.Run(fmt.Sprint(setting), func(t *testing.T) {
			got := regressionLosses(t, setting, 10_000, 1)[0]
			if !(within[0] < got && got < within[1]) {
				t.Errorf("loss %.3g at step 10,000, want it from %g to %g",
					got, within[0], within[1])
			}
		})
	}
}

// TestRegressionFull repeats Fig. 2.
func TestRegressionFull(t *testing.T) {
	needFull(t)
	for setting, want := range map[paper.Setting]float64{
		{Kind: "l4adam", Value: 0.15}: 1e-11, {Kind: "l4adam", Value: 0.25}: 1e-16,
		{Kind: "l4mom", Value: 0.15}: 1e-14, {Kind: "l4mom", Value: 0.25}: 1e-14,
	} {
		t.Run(fmt.Sprint(setting), func(t *testing.T) {
			t.Parallel()
			losses := regressionLosses(t, plain(setting), 30_000, 5)
			got := stat.GeometricMean(losses, nil)
			seen := paper.Regression[paper.Notebook][setting][30_000]
			t.Logf("loss at step 30,000: geometric mean %.2g of %.2g, reference %g",
				got, losses, seen)
			if !(got < want) {
				t.Errorf("geometric mean %.3g of the losses at step 30,000, want less than %g",
					got, want)
			}
		})
	}
}
