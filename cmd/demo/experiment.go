package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pkg/errors"
	"github.com/spf13/pflag"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/experiment/compare"
	"github.com/l4-go/l4/internal/experiment/dataset"
)

// experiment is something to compare solvers on over some epochs, described as data. The command,
// the runs, the checkpoint, the CSV and the figure follow from it.
type experiment struct {
	name     string // of the command
	about    string // one line of help
	epoch    string // help: what an epoch is made of
	examples string // of the command line
	plain    scope
	full     *scope // what --full makes of it; nil for no such flag
	timed    bool   // whether run times are of interest

	// What flags it takes besides those that all take. The zero value stands for no such flag.
	dtype     string                 // default of --dtype
	batches   []int                  // default of --batch
	tasks     []string               // names of the tasks, which --tasks chooses from
	data      string                 // what the folder of --data holds
	source    *dataset.Source        // of the data without --data; nil if newTasks finds it
	gridSeeds int                    // largest number of seeds that --grid looks at
	flags     func(f *pflag.FlagSet) // adds further flags

	// newTasks checks the settings and loads what the experiment needs.
	newTasks func(s settings) ([]compare.Task, error)
	// The figure has a panel for each measure, over epochs or steps. report returns the tables, as
	// text.
	unit     compare.Unit
	measures []compare.Measure
	report   func(s settings, c *compare.Comparison) string
}

// scope is how much an experiment does by default.
type scope struct {
	solvers, gridSolvers string // gridSolvers join with --grid; "" for none
	epochs, seeds        int
}

// String returns the flags that stand for a scope.
func (s scope) String() string {
	return fmt.Sprintf("--epochs %d --seeds %d --solvers %s", s.epochs, s.seeds, s.solvers)
}

// gridHelp explains --grid.
const gridHelp = `
The search of --grid tries rates that differ by a factor of about 3, first around the given rate and
then further while the best rate lies at the edge. The best rate has the smallest mean training loss
in the last epoch, as a geometric mean over the seeds. A rate that diverges from any seed is out.
`

// addFlags adds the flags of an experiment that other suites do not have.
func (e experiment) addFlags(f *pflag.FlagSet, s *settings) {
	f.Var((*count)(&s.epochs), "epochs", "`number` of epochs")
	if e.dtype != "" {
		f.Var((*dtypeName)(&s.dtype), "dtype", "`type` of the weights, float32 or float64")
	}
	if len(e.batches) > 0 {
		f.Var((*countList)(&s.batches), "batch", "`list` of batch sizes, which are compared")
	}
	if e.flags != nil {
		e.flags(f)
	}
	if e.gridSeeds > 0 {
		f.BoolVar(&s.grid, "grid", false,
			"first search the best rate of each solver that has a constant one")
	}
}

// complete fills in the defaults that depend on other flags, and checks the combinations.
func (e experiment) complete(s *settings) error {
	scope := e.plain
	if s.full {
		scope = *e.full
	}
	if !s.flags.Changed("solvers") {
		list := scope.solvers
		if s.grid && scope.gridSolvers != "" {
			list += "," + scope.gridSolvers
		}
		s.solvers = compare.MustParseChoices(list)
	}
	if !s.flags.Changed("epochs") {
		s.epochs = scope.epochs
	}
	if !s.flags.Changed("seeds") {
		s.seeds = scope.seeds
	}
	single := e.timed && !s.full && !s.grid && s.seeds == 1 && len(s.batches) <= 1
	if !s.flags.Changed("jobs") && single {
		s.jobs = 1 // each solver makes one run on the same task, so that times can be compared
	}
	switch {
	case s.grid && !slices.ContainsFunc(s.solvers, compare.Choice.Constant):
		return errors.Errorf("--grid: no solver of %v has a constant rate: add one to --solvers",
			s.solvers)
	case s.grid && constantTwice(s.solvers):
		return errors.Errorf("--grid: %v: name each solver with a constant rate once", s.solvers)
	case s.resume && s.checkpoint == "":
		return errors.New("--resume: name the file to go on from with --checkpoint")
	}
	return nil
}

// constantTwice reports whether two choices differ in nothing but their constant rates.
func constantTwice(solvers compare.Choices) bool {
	for i, s := range solvers {
		same := func(o compare.Choice) bool { return o.Name == s.Name }
		if s.Constant() && slices.ContainsFunc(solvers[:i], same) {
			return true
		}
	}
	return false
}

// notInFingerprint are the flags that a checkpoint does not depend on: their values are part of a
// run's name, or change no numbers.
var notInFingerprint = strings.Fields(
	"solvers seed seeds tasks batch full grid jobs out checkpoint resume help")

// fingerprint returns the flags that the numbers of a run depend on.
func (e experiment) fingerprint(s settings) string {
	text := e.name
	s.flags.VisitAll(func(fl *pflag.Flag) {
		if !slices.Contains(notInFingerprint, fl.Name) {
			text += fmt.Sprintf(" --%s %q", fl.Name, fl.Value.String())
		}
	})
	return text
}

func (s settings) tensorDtype() tensor.Dtype {
	if s.dtype == "float64" {
		return tensor.Float64
	}
	return tensor.Float32
}

// batchTasks returns a task for each batch size, in whose epochs each image comes once.
func batchTasks(
	s settings, title string, images *dataset.Images,
	start func(batch int, seed uint64) (compare.Training, error),
) ([]compare.Task, error) {
	for _, batch := range s.batches {
		if batch > images.Len() {
			return nil, errors.Errorf("--batch %d: want at most %d, the number of images",
				batch, images.Len())
		}
	}
	perEpoch := func(batch int) int { return images.Len() / batch }
	return tasksByBatch(s, title, perEpoch, start), nil
}

// tasksByBatch returns a task for each batch size.
func tasksByBatch(
	s settings, title string, epochSteps func(batch int) int,
	start func(batch int, seed uint64) (compare.Training, error),
) []compare.Task {
	var tasks []compare.Task
	for _, batch := range s.batches {
		t := compare.Task{
			Name: fmt.Sprint("batch ", batch), Title: title,
			Epochs: s.epochs, EpochSteps: epochSteps(batch),
			Start: func(seed uint64) (compare.Training, error) { return start(batch, seed) },
		}
		if len(s.batches) > 1 {
			t.Title += fmt.Sprint(", batches of ", batch)
		}
		tasks = append(tasks, t)
	}
	return tasks
}
