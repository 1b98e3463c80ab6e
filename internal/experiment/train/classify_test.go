package train

import (
	"context"
	"math/rand/v2"
	"testing"

	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/experiment/dataset"
	"github.com/l4-go/l4/internal/experiment/model"
)

// TestClassifyChange: from the step of the change on, inputs, targets and the test set are the others.
func TestClassifyChange(t *testing.T) {
	set := func(pixel, label byte) *dataset.Images {
		s := &dataset.Images{Rows: 1, Cols: 1, Classes: 3}
		for range 4 {
			s.Pixels, s.Labels = append(s.Pixels, pixel), append(s.Labels, label)
		}
		return s
	}
	weights := model.MLPWeights(tensor.Float64, []int{1, 3}, rand.New(rand.NewPCG(1, 0)))
	weights[1].Float64s()[2] = 1 // the net says 2 whatever it sees
	var net *model.Net
	build := func(n int) *model.Net {
		built := model.MLP(weights, n)
		if n == 2 {
			net = built
		}
		return built
	}
	task := Classify(build, set(0, 0), set(0, 0), 2, 1, Change{Step: 3, Images: set(255, 2), Test: set(255, 2)})
	for step := range 6 {
		task.Next(step)
		pixel, label, share := 0.0, 0, 0.0
		if step >= 3 {
			pixel, label, share = 1, 2, 1
		}
		x, y := net.Input.Value().Data().([]float64), net.Target.Value().Data().([]float64)
		if x[0] != pixel || x[1] != pixel || y[label] != 1 || y[3+label] != 1 {
			t.Errorf("step %d: inputs %v, targets %v", step, x, y)
		}
		if got, err := task.Accuracy(); err != nil || got != share {
			t.Errorf("step %d: accuracy %v, %v, want %v", step, got, err, share)
		}
	}
}

// TestRecordLosses: first, last and largest loss of each epoch, the largest without the run's first steps.
func TestRecordLosses(t *testing.T) {
	const epochSteps = 60
	var losses []float64
	p := SyntheticProblems[0]
	task := p.Task(1, epochSteps)
	records, err := Run(context.Background(), task, Kinds["l4adam"].New(task.Loss, 0.15), Options{Epochs: 3,
		OnStep: func(_ int, loss, _ float64) { losses = append(losses, loss) }})
	if err != nil {
		t.Fatal(err)
	}
	for e, r := range records {
		of := losses[e*epochSteps : (e+1)*epochSteps]
		largest := 0.0
		for i, loss := range of {
			if e*epochSteps+i >= MaxLossFrom {
				largest = max(largest, loss)
			}
		}
		if r.FirstLoss != of[0] || r.LastLoss != of[epochSteps-1] || r.MaxLoss != largest {
			t.Errorf("epoch %d: first %v, last %v, largest %v, want %v, %v, %v", r.Epoch, r.FirstLoss, r.LastLoss, r.MaxLoss, of[0], of[epochSteps-1], largest)
		}
	}
	if records[0].MaxLoss >= records[0].FirstLoss {
		t.Error("the first steps count as large")
	}
}
