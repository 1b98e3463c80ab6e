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

// experiment describes a comparison of solvers on tasks that last several epochs. The command, the
// runs, the checkpoint, the CSV file and the figure are made from the description.
type experiment struct {
	name     string // of the command
	about    string // one line of help
	epoch    string // help: completes the sentence "An epoch is ..."
	examples string // of the command line
	plain    scope  // the defaults
	full     *scope // the defaults with --full; nil omits the flag
	timed    bool   // whether the table of a default run compares run times

	// Flags that not all experiments have. The zero value omits the flag.
	dtype     string                 // default of --dtype
	batches   []int                  // default of --batch
	tasks     []string               // names of the tasks that --tasks chooses from
	data      string                 // help of --data, after "folder with"
	source    *dataset.Source        // of the data without --data; nil if newTasks finds the data
	gridSeeds int                    // largest number of seeds in the search of --grid
	flags     func(f *pflag.FlagSet) // adds further flags

	// newTasks checks the settings and loads the data.
	newTasks func(s settings) ([]compare.Task, error)
	// The figure has one panel for each measure, over epochs or steps. report returns the tables as
	// text.
	unit     compare.Unit
	measures []compare.Measure
	report   func(s settings, c *compare.Comparison) string
}

// scope has the default solvers, epochs and seeds of an experiment.
type scope struct {
	solvers, gridSolvers string // --grid adds gridSolvers; "" adds none
	epochs, seeds        int
}

// String describes a scope in the help.
func (s scope) String() string {
	return fmt.Sprintf("%d epochs, %d seeds and the solvers %s", s.epochs, s.seeds,
		strings.ReplaceAll(s.solvers, ",", ", "))
}

// gridHelp explains --grid. It has a place for the largest number of seeds.
const gridHelp = `
With --grid the demo first searches the best learning rate of each solver that has a constant one.
It tries rates that differ by a factor of √10, about 3: first the given rate, the next lower and the
next higher one, and then further rates while the best one is the lowest or the highest, up to a
factor of 1000. The best rate has the smallest mean training loss in the last epoch, as a geometric
mean over the seeds. A rate cannot be the best if any of its runs diverges. The search uses at most
%d of the seeds.
`

// addFlags adds the flags that only experiments have.
func (e experiment) addFlags(f *pflag.FlagSet, s *settings) {
	f.Var(count{&s.epochs, compare.MaxCount}, "epochs", "`number` of epochs")
	if e.dtype != "" {
		f.Var((*dtypeName)(&s.dtype), "dtype", "`type` of the weights, float32 or float64")
	}
	if len(e.batches) > 0 {
		f.Var((*countList)(&s.batches), "batch",
			"`list` of batch sizes to compare, separated by commas")
	}
	if e.flags != nil {
		e.flags(f)
	}
	if e.gridSeeds > 0 {
		f.BoolVar(&s.grid, "grid", false,
			"first search the best learning rate of each solver that has a constant one")
	}
}

// complete sets the defaults that depend on other flags, and checks the combinations of flags.
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
		s.jobs = 1 // each solver makes one run on the same task, so run times can be compared
	}
	var constant []string // the solvers with a constant learning rate
	for _, solver := range s.solvers {
		if solver.Constant() {
			constant = append(constant, solver.Name)
		}
	}
	slices.Sort(constant)
	switch {
	case s.grid && len(constant) == 0:
		return errors.Errorf("--grid: none of the solvers %v has a constant learning rate: "+
			"add one, such as adam, to --solvers", s.solvers)
	case s.grid && len(slices.Compact(constant)) < len(constant):
		return errors.Errorf("--grid: the list %v has a solver with a constant learning rate "+
			"twice: name each such solver once", s.solvers)
	case s.resume && s.checkpoint == "":
		return errors.New("--resume without --checkpoint: name the file with --checkpoint")
	}
	return nil
}

// notInFingerprint are the flags that are not part of the fingerprint: their values are in the
// compare.Run, or do not change the numbers of a run.
var notInFingerprint = strings.Fields(
	"solvers seed seeds tasks batch grid jobs out checkpoint resume help")

// fingerprint returns the name of the experiment and the flags that change the numbers of a run.
// --full is one of them, because it changes the defaults of other flags.
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

// summary is the report of an experiment that has no reference numbers.
func summary(_ settings, c *compare.Comparison) string { return c.Summary(c.Tasks...) }

// batchTasks returns a task for each batch size. In an epoch each image occurs at most once.
func batchTasks(
	s settings, title string, images *dataset.Images,
	start func(batch int, seed uint64) (compare.Training, error),
) ([]compare.Task, error) {
	for _, batch := range s.batches {
		if batch > images.Len() {
			return nil, errors.Errorf("--batch %d: want at most %d, the number of training images",
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
