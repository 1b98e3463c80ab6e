package compare

import (
	"math"
	"time"
)

// Epoch has the results of one epoch of a run.
type Epoch struct {
	Number    int           // the first is 1
	Loss      float64       // mean over the epoch's steps, each read before its update
	LastLoss  float64       // loss of the last step
	LearnRate float64       // geometric mean of the learning rates above 0; 0 if there are none
	Metric    float64       // Training.Metric after the epoch
	Average   float64       // Training.Metric with the averaged weights; 0 without Options.Average
	Time      time.Duration // of the epoch's training, without the evaluation
	StepTime  time.Duration // the part of Time spent in the solver
}

// State is a run in progress. A run that resumes from a State makes the same steps to the bit.
type State struct {
	Epochs  []Epoch
	Step    int   // number of completed steps
	Current Epoch // the epoch in progress: Loss is a sum, LearnRate a sum of logarithms
	Rates   int   // number of logarithms in Current.LearnRate

	Values          [][]byte // the values of Training.State
	Solver, Average []byte
}

// add adds a step to the epoch in progress.
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

// endEpoch completes the epoch in progress, appends it to Epochs and returns it.
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
