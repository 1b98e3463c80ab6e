// Package train is the training loop that all experiments share.
package train

import (
	"context"
	"encoding"
	"encoding/binary"
	"math"
	"sync"
	"time"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"
)

// Task is what is trained: a graph, its data and its measure. It serves one run.
type Task struct {
	Graph   *gorgonia.ExprGraph
	Loss    *gorgonia.Node
	Weights gorgonia.Nodes

	// EpochSteps is the number of steps after which the loop makes a record.
	EpochSteps int
	// Next sets the graph's inputs for the step with the given number, counted from 0.
	Next func(step int)
	// Accuracy returns the share of test samples that the weights get right. It is nil where there is none.
	Accuracy func() (float64, error)
}

// Record sums up an epoch.
type Record struct {
	Epoch     int           // the first is 1
	Loss      float64       // mean over the epoch's steps, before each of them
	FirstLoss float64       // that of the first step alone
	LastLoss  float64       // that of the last step alone
	MaxLoss   float64       // largest of the epoch's steps but for the run's first MaxLossFrom; 0 if there are no others
	LearnRate float64       // geometric mean over the epoch's steps that had one above 0; 0 if none had
	Accuracy  float64       // on the test set after the epoch, NaN if there is none
	Time      time.Duration // of the epoch's training, without its evaluation
	StepTime  time.Duration // the part of Time spent in the solver
}

// MaxLossFrom is the number of steps at the start of a run whose losses do not count as large.
const MaxLossFrom = 40

// ErrDiverged says that the loss was no longer a finite number, or that the solver refused a step. It is the
// result of a run, where other errors are failures of the program.
var ErrDiverged = errors.New("diverged")

// Options say how a run goes.
type Options struct {
	Epochs int

	// Functions to follow the run by; each may be nil.
	OnStep  func(step int, loss, learnRate float64)
	OnEpoch func(Record)

	// Save is given the state after each epoch and when ctx ends the run; nil if it is not wanted. A solver
	// that is no encoding.BinaryMarshaler cannot be saved, and Save is not called.
	Save func(*State) error
	// Resume is a state to go on from, nil to start.
	Resume *State
}

// State is a run in progress. What is left of the run follows from it to the bit.
type State struct {
	Records []Record
	Step    int    // number of steps done
	Current Record // the epoch in progress: Loss and LearnRate hold the sums of the losses and of the rates' logarithms
	Rates   int    // how many logarithms that are
	Weights [][]byte
	Solver  []byte
}

// building is held while a graph is built, differentiated or compiled: Gorgonia then changes state that all
// graphs share.
var building sync.Mutex

// Build makes the task of a run that others may go beside.
func Build(newTask func() *Task) *Task {
	building.Lock()
	defer building.Unlock()
	return newTask()
}

// compile makes the machine for loss and gradients of a task.
func compile(task *Task) (gorgonia.VM, error) {
	building.Lock()
	defer building.Unlock()
	grads, err := gorgonia.Grad(task.Loss, task.Weights...)
	if err != nil {
		return nil, err
	}
	// Only what leads to the loss and these gradients: the graph also holds the gradient of the input.
	subgraph := task.Graph.SubgraphRoots(append(grads, task.Loss)...)
	return gorgonia.NewTapeMachine(subgraph, gorgonia.BindDualValues(task.Weights...)), nil
}

// Run trains until the given number of epochs has a record each. When it ends early, for an error or because
// ctx is done, it returns the records so far as well.
func Run(ctx context.Context, task *Task, solver Solver, opts Options) ([]Record, error) {
	vm, err := compile(task)
	if err != nil {
		return nil, err
	}
	defer vm.Close()
	model := gorgonia.NodesToValueGrads(task.Weights)

	st := new(State)
	if opts.Resume != nil {
		*st = *opts.Resume
		if err := st.restore(task, solver); err != nil {
			return nil, errors.WithMessage(err, "resume")
		}
	}
	for len(st.Records) < opts.Epochs {
		if err := ctx.Err(); err != nil {
			return st.Records, st.save(task, solver, opts, err)
		}
		start := time.Now()
		task.Next(st.Step)
		if err := vm.RunAll(); err != nil {
			return st.Records, err
		}
		loss := number(task.Loss.Value())
		if math.IsNaN(loss) || math.IsInf(loss, 0) {
			return st.Records, errors.WithMessagef(ErrDiverged, "step %d: loss %v", st.Step+1, loss)
		}
		before := time.Now()
		if err := solver.Step(model); err != nil {
			return st.Records, errors.WithMessagef(ErrDiverged, "step %d: %v", st.Step+1, err)
		}
		vm.Reset()
		now := time.Now()
		rate := solver.LearnRate()
		if st.Step%task.EpochSteps == 0 {
			st.Current.FirstLoss = loss
		}
		st.Step++
		st.Current.StepTime += now.Sub(before)
		st.Current.Time += now.Sub(start)
		st.Current.Loss += loss
		st.Current.LastLoss = loss
		if st.Step > MaxLossFrom {
			st.Current.MaxLoss = max(st.Current.MaxLoss, loss)
		}
		if rate > 0 {
			st.Current.LearnRate += math.Log(rate)
			st.Rates++
		}
		if opts.OnStep != nil {
			opts.OnStep(st.Step, loss, rate)
		}
		if st.Step%task.EpochSteps == 0 {
			if err := st.endEpoch(task, solver, opts); err != nil {
				return st.Records, err
			}
		}
	}
	return st.Records, nil
}

// endEpoch makes a record of the epoch that was in progress.
func (st *State) endEpoch(task *Task, solver Solver, opts Options) error {
	r := st.Current
	r.Epoch = len(st.Records) + 1
	r.Loss /= float64(task.EpochSteps)
	if st.Rates > 0 {
		r.LearnRate = math.Exp(r.LearnRate / float64(st.Rates))
	}
	r.Accuracy = math.NaN()
	if task.Accuracy != nil {
		var err error
		if r.Accuracy, err = task.Accuracy(); err != nil {
			return err
		}
	}
	st.Records, st.Current, st.Rates = append(st.Records, r), Record{}, 0
	if opts.OnEpoch != nil {
		opts.OnEpoch(r)
	}
	return st.save(task, solver, opts, nil)
}

// save hands out the state. It returns cause, or the error of saving.
func (st *State) save(task *Task, solver Solver, opts Options, cause error) error {
	marshaler, ok := solver.Solver.(encoding.BinaryMarshaler)
	if opts.Save == nil || !ok {
		return cause
	}
	var err error
	if st.Solver, err = marshaler.MarshalBinary(); err != nil {
		return err
	}
	st.Weights = nil
	for _, w := range task.Weights {
		b, err := binary.Append(nil, binary.LittleEndian, w.Value().Data())
		if err != nil {
			return errors.WithMessage(err, w.Name())
		}
		st.Weights = append(st.Weights, b)
	}
	if err := opts.Save(st); err != nil {
		return err
	}
	return cause
}

// restore sets weights and solver to the state.
func (st *State) restore(task *Task, solver Solver) error {
	unmarshaler, ok := solver.Solver.(encoding.BinaryUnmarshaler)
	if !ok {
		return errors.Errorf("a %T cannot be restored", solver.Solver)
	}
	if len(st.Weights) != len(task.Weights) {
		return errors.Errorf("%d weights, want %d", len(st.Weights), len(task.Weights))
	}
	for i, w := range task.Weights {
		data := w.Value().Data() // shares the tensor's memory
		if n := binary.Size(data); n != len(st.Weights[i]) {
			return errors.Errorf("%s: %d bytes, want %d", w.Name(), len(st.Weights[i]), n)
		}
		if _, err := binary.Decode(st.Weights[i], binary.LittleEndian, data); err != nil {
			return errors.WithMessage(err, w.Name())
		}
	}
	return unmarshaler.UnmarshalBinary(st.Solver)
}

func number(v gorgonia.Value) float64 {
	switch x := v.Data().(type) {
	case float32:
		return float64(x)
	case float64:
		return x
	}
	return math.NaN()
}
