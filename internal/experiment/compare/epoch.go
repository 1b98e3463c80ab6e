package compare

import (
	"math"
	"time"
)

// Epoch sums up an epoch of a run.
type Epoch struct {
	Number    int           // the first is 1
	Loss      float64       // mean over the epoch's steps, each read before its update
	LastLoss  float64       // loss of the last step
	LearnRate float64       // geometric mean of the learning rates above 0; 0 if there are none
	Metric    float64       // Training.Metric after the epoch
	Average   float64       // the same of the averaged weights; 0 unless they are asked for
	Time      time.Duration // of the epoch's training, without the evaluation
	StepTime  time.Duration // the part of Time spent in the solver
}

// State is a run in progress. The rest of the run follows from it to the bit.
type State struct {
	Epochs  []Epoch
	Step    int   // number of steps done
	Current Epoch // the epoch in progress: Loss is a sum, LearnRate a sum of logarithms
	Rates   int   // number of those logarithms

	Values          [][]byte // of Training.State
	Solver, Average []byte
}

// add takes a step into the epoch in progress.
func (st *State) add(loss, rate float64, total, inSolver time.Duration) {
	st.Step++
	st.Current.Loss += loss
	st.Current.LastLoss = loss
	if rate > 0 {
		st.Current.LearnRate += math.Log(rate)
		st.Rates++
	}
	st.Current.Time += total
	st.Current.StepTime += inSolver
}

// endEpoch moves the epoch in progress to the others, and returns it.
func (st *State) endEpoch(steps int, metric, average float64) Epoch {
	e := st.Current
	e.Number = len(st.Epochs) + 1
	e.Loss /= float64(steps)
	if st.Rates > 0 {
		e.LearnRate = math.Exp(e.LearnRate / float64(st.Rates))
	}
	e.Metric, e.Average = metric, average
	st.Epochs, st.Current, st.Rates = append(st.Epochs, e), Epoch{}, 0
	return e
}
