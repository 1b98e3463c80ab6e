package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat"

	"github.com/l4-go/l4/internal/experiment/dataset"
	"github.com/l4-go/l4/internal/experiment/figure"
	"github.com/l4-go/l4/internal/experiment/train"
)

// stress is the experiment of where plain L4 diverges, and of what its guard makes of that.
var stress = experiment{
	about: "where plain L4 diverges, and its guard hardly ever: wrong labels, losses with a floor, gradients of zero, spikes",
	epoch: "a tenth of a task's run, a twentieth with -full",
	plain: scope{solvers: "l4adam,l4adam+guard,l4mom,l4mom+guard,adam", gridSolvers: "momentum,sgd", epochs: stressEpochs, restarts: 3},
	full:  &scope{solvers: "l4adam,l4adam+guard,l4mom,l4mom+guard,adam", gridSolvers: "momentum,sgd", epochs: 2 * stressEpochs, restarts: 3},
	dtype: "float32", gridStarts: 1,
	variants: stressVariants,
	report:   stressReport,
	trace:    drawTrace,
}

const (
	stressEpochs = 10
	// divergedShare is the share of its first loss that a run must be below in its last epoch.
	divergedShare = 0.9
)

// stressVariants has a variant for each task, first those on MNIST.
func stressVariants(s settings) ([]variant, error) {
	images, test, err := dataset.MNIST(s.data)
	if err != nil {
		return nil, err
	}
	// digits is the task of learning the images, some with wrong labels, for so many passes through them.
	digits := func(name, title string, images *dataset.Images, wrong, batch, passes int, changes ...train.Change) variant {
		v := variant{name: name, epochs: s.epochs, epochSteps: max(1, images.Len()/batch*passes/stressEpochs)}
		v.title = fmt.Sprintf("%s, %d %% wrong labels, batches of %d, %d steps", title, wrong, batch, v.epochs*v.epochSteps)
		v.newTask = func(seed uint64) *train.Task {
			noisy := images.WithWrongLabels(float64(wrong)/100, rand.New(rand.NewPCG(seed, 1<<32)))
			task := perceptron(s, noisy, test, batch, seed, changes...)
			task.EpochSteps = v.epochSteps
			return task
		}
		return v
	}
	var vs []variant
	for _, size := range []struct{ batch, passes int }{{8, 1}, {64, 3}} {
		for _, wrong := range []int{0, 5, 20, 40} {
			vs = append(vs, digits(fmt.Sprintf("mnist-%d-%d%%", size.batch, wrong), "MNIST", images, wrong, size.batch, size.passes))
		}
	}
	change := train.Change{Step: images.Len() / 64 * 2, Images: images.WithNextLabels(), Test: test.WithNextLabels()}
	long := digits("mnist-long", "MNIST", images, 20, 8, 8)
	long.oneStart = true
	vs = append(vs,
		digits("mnist-small", "First 1000 of MNIST", images.First(1000), 20, 10, 40),
		digits("mnist-change", fmt.Sprintf("MNIST, each digit called the next from step %d on", change.Step+1), images, 0, 64, 4, change),
		long)
	for _, p := range train.SyntheticProblems {
		v := variant{name: p.Name, epochs: s.epochs, epochSteps: p.Steps / stressEpochs, least: p.Least}
		v.title = fmt.Sprintf("%s, %d steps", p.Title, v.epochs*v.epochSteps)
		v.oneStart = p.Name == "rosenbrock" // its start is always the same
		v.newTask = func(seed uint64) *train.Task { return p.Task(seed, v.epochSteps) }
		vs = append(vs, v)
		if bold := s.solvers.withFraction(0.25); p.Least > 0 && len(bold) > 0 {
			v.name, v.title, v.solvers = v.name+"-0.25", v.title+", fraction 0.25", bold
			vs = append(vs, v)
		}
	}
	return vs, nil
}

const stressNotes = `Diverged: the loss or a gradient ceased to be finite, or the mean loss of the last epoch was above %v of the first loss.
Final loss: mean over the last epoch, less the smallest loss there can be where that is 1; geometric mean over the starts.
Test accuracy in %%: mean over the starts, with the smallest and the largest. Both are of the runs that reached the end.
Largest loss: of any step after step %d from any start; it is ∞ if one broke off. Where the data change, or the loss itself
is multiplied, it jumps whatever the solver.
`

func stressReport(j *job) (string, [][]figure.Panel) {
	rows := [][]string{{"", "diverged", "final loss", "test accuracy", "largest loss"}}
	for _, v := range j.variants {
		rows = append(rows, []string{v.title})
		for _, spec := range v.solvers {
			rows = append(rows, j.outcome(v, spec).row(spec))
		}
	}
	text := figure.Table(rows) + "\n" + fmt.Sprintf(stressNotes, divergedShare, train.MaxLossFrom) + "\n" + j.verdict() + "\n"
	return text, j.panels("epoch", "training loss", func(r train.Record) float64 { return r.Loss })
}

// outcome is what became of some runs.
type outcome struct {
	runs, diverged     int
	losses, accuracies []float64 // final ones of the runs that reached the end; an accuracy may be NaN
	largest            float64
}

// outcome sums up the runs of a solver on a variant, but for those that the user broke off.
func (j *job) outcome(v variant, spec solverSpec) outcome {
	var o outcome
	for _, r := range j.of(v, spec) {
		if r.Ended != "" && !r.Diverged {
			continue
		}
		o.runs++
		for _, e := range r.Records {
			o.largest = max(o.largest, e.MaxLoss)
		}
		if r.Diverged {
			o.diverged++
			o.largest = math.Inf(1)
			continue
		}
		last := r.Records[len(r.Records)-1]
		if last.Loss > divergedShare*r.Records[0].FirstLoss {
			o.diverged++
		}
		o.losses = append(o.losses, max(0, last.Loss-v.least))
		o.accuracies = append(o.accuracies, 100*last.Accuracy)
	}
	return o
}

func (o outcome) row(spec solverSpec) []string {
	row := []string{"  " + spec.String(), "-", "-", "-", "-"}
	if o.runs > 0 {
		row[1] = fmt.Sprintf("%d of %d", o.diverged, o.runs)
	}
	switch {
	case math.IsInf(o.largest, 1):
		row[4] = "∞"
	case o.largest > 0:
		row[4] = fmt.Sprintf("%.3g", o.largest)
	}
	if len(o.losses) > 0 {
		row[2] = fmt.Sprintf("%.3g", stat.GeometricMean(o.losses, nil))
	}
	if mean := o.accuracy(); !math.IsNaN(mean) {
		row[3] = fmt.Sprintf("%.2f (%.2f-%.2f)", mean, slices.Min(o.accuracies), slices.Max(o.accuracies))
	}
	return row
}

// accuracy is the mean, NaN if there is none.
func (o outcome) accuracy() float64 { return stat.Mean(o.accuracies, nil) }

// verdict sums up all tasks in two sentences.
func (j *job) verdict() string {
	var plain, guarded outcome
	gap, where := math.Inf(-1), ""
	for _, v := range j.variants {
		for _, spec := range v.solvers {
			sum, o := &plain, j.outcome(v, spec)
			switch {
			case spec.constant():
				continue
			case spec.guarded():
				sum = &guarded
			}
			sum.runs += o.runs
			sum.diverged += o.diverged
			for _, other := range v.solvers {
				if behind := j.outcome(v, other).accuracy() - o.accuracy(); other.Kind == "adam" && spec.guarded() && behind > gap {
					gap, where = behind, fmt.Sprintf("%v against %v, %s", spec, other, v.title)
				}
			}
		}
	}
	text := fmt.Sprintf("With the guard %d of %d runs of L4 diverged, without it %d of %d.", guarded.diverged, guarded.runs, plain.diverged, plain.runs)
	if where != "" {
		text += fmt.Sprintf("\nThe guarded run furthest behind Adam in final accuracy, in the mean over the starts, is so by %.2f points: %s.", gap, where)
	}
	return text + "\n"
}
