package main

import (
	"fmt"

	"github.com/pkg/errors"
	"github.com/spf13/pflag"

	"github.com/l4-go/l4/internal/experiment/dataset"
	"github.com/l4-go/l4/internal/experiment/train"
)

// experiments are what the program offers, each a command of its own; demo alone runs the first. A
// new one is a file such as regression.go with a function that returns it, and that function's name
// here.
var experiments = []func() experiment{mnist, regression, fashion, cifar, dnc}

// experiment is something to compare solvers on, described as data. The command, its flags and its
// help, the runs, the checkpoint, the CSV and the files of the figure follow from it.
type experiment struct {
	name     string // of the command
	about    string // one line of help
	epoch    string // help: what an epoch is made of
	examples string // of the command line
	plain    scope
	full     *scope // what --full makes of it; nil for no such flag
	timed    bool   // whether run times are of interest

	// What flags it takes besides those that all take. The zero value stands for no such flag.
	dtype      string                 // default of --dtype
	batches    []int                  // default of --batch
	tasks      []string               // names of the variants, which --tasks chooses from
	data       string                 // what the folder of --data holds
	source     *dataset.Source        // of the data without --data; nil if variants finds it
	gridStarts int                    // largest number of starts that --grid looks at
	flags      func(f *pflag.FlagSet) // adds flags of its own

	// variants checks the settings and loads what the experiment needs.
	variants func(s settings) ([]variant, error)
	// The figure has a panel for each measure, over epochs or steps, as unit says. report returns the
	// tables, as text.
	unit     string
	measures []measure
	report   func(j *job) string
}

// scope is how much an experiment does by default.
type scope struct {
	solvers, gridSolvers string // gridSolvers join with --grid; "" for none
	epochs, restarts     int
}

// String returns the flags that stand for a scope.
func (s scope) String() string {
	return fmt.Sprintf("--epochs %d --restarts %d --solvers %s", s.epochs, s.restarts, s.solvers)
}

// variant is one form of an experiment's task, such as a batch size.
type variant struct {
	name       string // tells it from the others, in the CSV, in checkpoints and for --tasks
	title      string
	epochs     int
	epochSteps int
	// newTask makes the task of a run. The same seed gives the same initial weights and the same
	// order of the data, whatever the solver. It is called within train.Build.
	newTask func(seed uint64) (train.Task, error)
	solvers solverList // to compare on it; nil for those of --solvers
}

// batchVariants returns a variant for each batch size, in whose epochs each image comes once.
func batchVariants(
	s settings, title string, images *dataset.Images,
	newTask func(batch int, seed uint64) (train.Task, error),
) ([]variant, error) {
	var vs []variant
	for _, batch := range s.batches {
		if batch > images.Len() {
			return nil, errors.Errorf("--batch %d: want at most %d, the number of images",
				batch, images.Len())
		}
		v := variant{
			name: fmt.Sprint("batch ", batch), title: title,
			epochs: s.epochs, epochSteps: images.Len() / batch,
			newTask: func(seed uint64) (train.Task, error) { return newTask(batch, seed) },
		}
		if len(s.batches) > 1 {
			v.title += fmt.Sprint(", batches of ", batch)
		}
		vs = append(vs, v)
	}
	return vs, nil
}
