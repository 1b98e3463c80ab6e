package main

import (
	"context"
	"fmt"
	"io"

	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/experiment/figure"
	"github.com/l4-go/l4/internal/experiment/train"
)

// experiment is something to compare solvers on.
type experiment struct {
	about string
	epoch string // what an epoch is
	plain scope
	full  *scope // what -full makes of it; nil where plain is all there is
	timed bool   // whether times are of interest

	// Defaults of flags.
	batches []int // nil where there are none
	dtype   string

	gridStarts int // starts that -grid looks at, at most

	// variants checks and loads what the experiment needs.
	variants func(s settings) ([]variant, error)
	// report returns what there is to say, as text, and the rows of the figure.
	report func(j *job) (string, [][]figure.Panel)
	// trace draws what -trace asks for; nil where there is nothing.
	trace func(ctx context.Context, s settings, w io.Writer) error
}

// scope is how much an experiment does.
type scope struct {
	solvers, gridSolvers string // gridSolvers join with -grid
	epochs, restarts     int
}

func (s scope) String() string {
	starts := "1 start"
	if s.restarts > 1 {
		starts = fmt.Sprintf("%d starts", s.restarts)
	}
	return fmt.Sprintf("%d epochs, %s, %s; with -grid also %s", s.epochs, starts, s.solvers, s.gridSolvers)
}

// variant is one form of an experiment's task.
type variant struct {
	name       string // tells it from the others; -tasks chooses by it
	title      string
	epochs     int
	epochSteps int
	// newTask makes the task of a run. The same seed gives the same initial weights and the same order of
	// batches, whatever the solver.
	newTask  func(seed uint64) *train.Task
	solvers  solverList // those to compare on it, nil for those of -solvers; -grid finds their rates
	oneStart bool       // whether one start is enough
	least    float64    // the smallest loss there can be
}

var experiments = map[string]experiment{"mnist": mnist, "regression": regression, "stress": stress}

func (s settings) tensorDtype() tensor.Dtype {
	if s.dtype == "float64" {
		return tensor.Float64
	}
	return tensor.Float32
}
