package l4_test

import (
	"context"
	"math/rand/v2"
	"os"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
	"github.com/l4-go/l4/internal/dataset"
	"github.com/l4-go/l4/internal/model"
	"github.com/l4-go/l4/internal/train"
)

// full says that the long reproductions are to run.
var full = os.Getenv("L4_FULL") != ""

// runTask trains a task and logs its history.
func runTask(t *testing.T, task *train.Task, solver stepper, epochs, logEvery int) []train.Record {
	t.Helper()
	records, err := train.Run(context.Background(), task, train.Solver{
		Solver:    solver,
		LearnRate: func() float64 { return solver.Last().LearnRate },
	}, train.Options{Epochs: epochs, OnEpoch: func(r train.Record) {
		if r.Epoch%logEvery == 0 {
			t.Logf("epoch %d: mean loss %.4g, mean learning rate %.3g, test accuracy %.2f %%, %.1f s, %.1f s of it in Step",
				r.Epoch, r.Loss, r.LearnRate, 100*r.Accuracy, r.Time.Seconds(), r.StepTime.Seconds())
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	return records
}

// TestMNIST trains the perceptron of the paper's section 3.2 on all of MNIST: one epoch, or with L4_FULL the
// 30 of Fig. 3.
func TestMNIST(t *testing.T) {
	if testing.Short() {
		t.Skip("takes several seconds")
	}
	images, test, err := dataset.MNIST("")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		solver         string
		fraction       float64
		accuracy       float64 // after one epoch
		fullLoss       float64 // largest mean loss of the 30th epoch
		fullAccuracy   float64
		inShortVersion bool
	}{
		{"L4Adam", 0.15, 0.95, 1e-6, 0.98, true},
		{"L4Adam", 0.25, 0.95, 1e-9, 0.98, false},
		{"L4Mom", 0.15, 0.945, 1e-4, 0.98, true},
		{"L4Mom", 0.25, 0.945, 1e-6, 0.98, false},
	} {
		if !full && !c.inShortVersion {
			continue
		}
		t.Run(goldenRun{Kind: c.solver, Alpha: c.fraction, TauG: 10}.String(), func(t *testing.T) {
			weights := model.MLPWeights(tensor.Float32, []int{images.Size(), 300, 100, 10}, rand.New(rand.NewPCG(1, 0)))
			task := train.Classify(func(batch int) *model.Net { return model.MLP(weights, batch) }, images, test, 64, 1)
			epochs := 1
			if full {
				epochs = 30
			}
			records := runTask(t, task, solvers[c.solver](task.Loss, l4.WithFraction(c.fraction)), epochs, 1)
			if a := records[0].Accuracy; a < c.accuracy {
				t.Errorf("test accuracy %.4f after one epoch, want %v", a, c.accuracy)
			}
			if last := records[epochs-1]; full && (last.Loss > c.fullLoss || last.Accuracy < c.fullAccuracy) {
				t.Errorf("after 30 epochs: mean loss %.3g, want %g; test accuracy %.4f, want %v", last.Loss, c.fullLoss, last.Accuracy, c.fullAccuracy)
			}
		})
	}
}

// TestRegression trains the badly conditioned net of the paper's section 3.1 for 10,000 steps, where Adam has
// hardly begun; with L4_FULL for the 30,000 of Fig. 2.
func TestRegression(t *testing.T) {
	if testing.Short() {
		t.Skip("takes several seconds")
	}
	const epochSteps = 1000
	for _, c := range []struct {
		solver         string
		fraction       float64
		loss, fullLoss float64 // after 10,000 and 30,000 steps
	}{
		{"L4Adam", 0.25, 1e-9, 1e-15},
		{"L4Mom", 0.25, 1e-9, 1e-14},
		{"L4Mom", 0.15, 1e-9, 1e-13},
	} {
		t.Run(goldenRun{Kind: c.solver, Alpha: c.fraction, TauG: 10}.String(), func(t *testing.T) {
			task := train.Regression(tensor.Float64, epochSteps, 1)
			epochs, want := 10, c.loss
			if full {
				epochs, want = 30, c.fullLoss
			}
			records := runTask(t, task, solvers[c.solver](task.Loss, l4.WithFraction(c.fraction)), epochs, 2)
			if got := records[epochs-1].Loss; got > want {
				t.Errorf("mean loss %.3g of the last %d steps, want %g", got, epochSteps, want)
			}
		})
	}
	t.Run("Adam", func(t *testing.T) {
		task := train.Regression(tensor.Float64, epochSteps, 1)
		adam := train.Solver{Solver: gorgonia.NewAdamSolver(gorgonia.WithLearnRate(1e-3)), LearnRate: func() float64 { return 1e-3 }}
		records, err := train.Run(context.Background(), task, adam, train.Options{Epochs: 10})
		if err != nil {
			t.Fatal(err)
		}
		if got := records[9].Loss; got < 1e-3 {
			t.Errorf("mean loss %.3g of steps 9,001 to 10,000: the problem is too easy to tell L4 from Adam", got)
		}
	})
}
