package paper

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/experiment/dataset"
	"github.com/l4-go/l4/internal/op"
)

// TestClassifyAugment: a step trains on the images that Augment returns, and the test uses the
// original images. The images of a step do not depend on the order of the steps. Each channel is
// normalized by its own mean and deviation.
func TestClassifyAugment(t *testing.T) {
	images := &dataset.Images{
		Rows: 1, Cols: 1, Channels: 2, Classes: 2, Labels: []byte{0, 1, 0, 1},
		Pixels: []byte{10, 20, 30, 40, 50, 60, 70, 80},
		Mean:   []float64{10, 20}, Deviation: []float64{10, 5},
	}
	weights := MLPWeights(tensor.Float64, []int{2, 2}, rand.New(rand.NewPCG(1, 0)))
	task, err := Classify(MLP(weights, 2), MLP(weights, 4), images, images, 1)
	task = must(t, task, err)
	task.Augment = func(to, image []byte, r *rand.Rand) {
		to[0], to[1] = image[0]+byte(r.IntN(100)), image[1]
	}
	seen := func(step int) (noise []float64) {
		if _, _, err := task.Run(step); err != nil {
			t.Fatal(err)
		}
		x := task.net.Input.Value().Data().([]float64)
		for row := range 2 {
			want := (x[2*row+1]*5 + 20 - 10) // of red, without noise
			noise = append(noise, x[2*row]*10+10-want)
		}
		return noise
	}
	first := seen(0)
	if second := seen(1); slices.Equal(first, second) || first[0] == first[1] {
		t.Errorf("noise %v, then %v", first, second)
	}
	if again := seen(0); !slices.Equal(again, first) {
		t.Errorf("noise %v, and %v when the step is repeated", first, again)
	}
	if _, err := task.Metric(); err != nil {
		t.Fatal(err)
	}
	if x := task.eval.Input.Value().Data().([]float64); !slices.Equal(x,
		[]float64{0, 0, 2, 4, 4, 8, 6, 12}) {
		t.Errorf("the test uses %v", x)
	}
}

// TestClassifyOrder: an epoch takes each image once, in an order that depends on the seed and the
// epoch, and leaves out images that do not fill a batch. Steps may come in any order.
func TestClassifyOrder(t *testing.T) {
	const n, batch, perEpoch = 11, 3, 3
	images := &dataset.Images{Rows: 1, Cols: 1, Classes: 11}
	for i := range n { // the image with the pixel i has the label i
		images.Pixels = append(images.Pixels, byte(i))
		images.Labels = append(images.Labels, byte(i))
	}
	weights := MLPWeights(tensor.Float32, []int{1, 11}, rand.New(rand.NewPCG(1, 0)))
	newTask := func(seed uint64) *Classifier {
		task, err := Classify(MLP(weights, batch), MLP(weights, 1), images, nil, seed)
		return must(t, task, err)
	}
	task := newTask(1)
	taken := func(task *Classifier, step int) []byte {
		if _, _, err := task.Run(step); err != nil {
			t.Fatal(err)
		}
		x := task.net.Input.Value().Data().([]float32)
		y := task.net.Target.Value().Data().([]float32)
		var labels []byte
		for row, pixel := range x {
			i := int(math.Round(float64(pixel) * 255))
			labels = append(labels, byte(i))
			if pixel != float32(i)/255 {
				t.Errorf("step %d: the pixel %d is %v", step, i, pixel)
			}
			for class, p := range y[row*11 : (row+1)*11] {
				if (p == 1) != (class == i) || p != 0 && p != 1 {
					t.Errorf("step %d: target %v of the image %d", step, y[row*11:(row+1)*11], i)
				}
			}
		}
		return labels
	}
	var epochs [2][]byte
	for step := range 2 * perEpoch {
		epochs[step/perEpoch] = append(epochs[step/perEpoch], taken(task, step)...)
	}
	for e, labels := range epochs {
		seen := map[byte]bool{}
		for _, l := range labels {
			seen[l] = true
		}
		if len(seen) != perEpoch*batch {
			t.Errorf("epoch %d takes %v", e+1, labels)
		}
	}
	if bytes.Equal(epochs[0], epochs[1]) {
		t.Errorf("both epochs take %v", epochs[0])
	}
	again, other := newTask(1), newTask(2)
	for _, step := range []int{4, 0, 5, 1} { // back and forth
		want := epochs[step/perEpoch][step%perEpoch*batch:][:batch]
		if !bytes.Equal(taken(again, step), want) {
			t.Errorf("step %d takes other images in another run", step)
		}
	}
	if bytes.Equal(taken(other, 0), epochs[0][:batch]) {
		t.Error("the order does not depend on the seed")
	}
	if a, err := task.Metric(); err != nil || !math.IsNaN(a) {
		t.Errorf("accuracy %v, %v without test data", a, err)
	}
	_, err := Classify(MLP(weights, 12), MLP(weights, 1), images, nil, 1)
	if err == nil || !strings.Contains(err.Error(), "the batch size is 12, want at most 11") {
		t.Errorf("error %v", err)
	}
}

// TestMetric compares the metric with a count, for test sets that fill the last batch and for test
// sets that do not, in both dtypes. A wrapping training may replace the test set.
func TestMetric(t *testing.T) {
	images := randomImages(40)
	for _, dt := range []tensor.Dtype{tensor.Float32, tensor.Float64} {
		weights := MLPWeights(dt, []int{4, 3}, rand.New(rand.NewPCG(1, 0)))
		op.Fill(weights[0], rand.New(rand.NewPCG(2, 0)).NormFloat64)
		task, err := Classify(MLP(weights, 4), MLP(weights, 7), images, images, 1)
		must(t, task, err)
		for n := 1; n <= 22; n++ {
			task.Test = images.First(n)
			right := 0
			for i := range n {
				if bestClass(weights[0], images.Pixels[4*i:4*i+4]) == int(images.Labels[i]) {
					right++
				}
			}
			if a, err := task.Metric(); err != nil || a != float64(right)/float64(n) {
				t.Errorf("%v: accuracy %v, %v of %d images, want %d right", dt, a, err, n, right)
			}
		}
	}
}

// bestClass returns the column of w with the largest product with the pixels.
func bestClass(w *tensor.Dense, pixels []byte) int {
	ws, best, most := floats(w), 0, math.Inf(-1)
	for class := range 3 {
		sum := 0.0
		for i, p := range pixels {
			sum += float64(p) * ws[3*i+class]
		}
		if sum > most {
			best, most = class, sum
		}
	}
	return best
}
