package main

import (
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/pkg/errors"
	"github.com/spf13/pflag"
	"gorgonia.org/tensor"
)

// settings are what the user chose.
type settings struct {
	full, grid bool
	solvers    solverList
	tasks      []string // beginnings of the names of variants; nil for all
	epochs     int
	batches    []int
	seed       uint64
	restarts   int
	dtype      string
	jobs       int
	data       string
	out        string
	checkpoint string
	resume     bool

	fingerprint string // the settings that the numbers of a run depend on, apart from its runID
}

// newSettings returns the defaults of an experiment.
func newSettings(e experiment) *settings {
	return &settings{
		solvers: mustParseSolvers(e.plain.solvers),
		epochs:  e.plain.epochs, restarts: e.plain.restarts,
		batches: e.batches, dtype: e.dtype,
	}
}

// addFlags adds the flags that the experiment takes.
func (s *settings) addFlags(e experiment, f *pflag.FlagSet) {
	f.Var(&s.solvers, "solvers",
		"`list` of solvers to compare, such as l4adam,l4mom:0.25,adam:1e-3")
	f.Var((*count)(&s.epochs), "epochs", "`number` of epochs")
	f.Uint64Var(&s.seed, "seed", 1,
		"`number` that initial weights and order of the data follow from")
	f.Var(starts{(*count)(&s.restarts)}, "restarts",
		"`number` of starts, each from other initial weights, with seeds counted on from --seed")
	if e.dtype != "" {
		f.Var((*dtypeName)(&s.dtype), "dtype", "`type` of the weights, float32 or float64")
	}
	if len(e.tasks) > 0 {
		f.StringSliceVar(&s.tasks, "tasks", nil,
			"`list` of tasks, or of beginnings of their names (default all)")
	}
	if len(e.batches) > 0 {
		f.Var((*countList)(&s.batches), "batch", "`list` of batch sizes, which are compared")
	}
	if e.data != "" {
		f.StringVar(&s.data, "data", "", "`folder` with "+e.data)
	}
	if e.flags != nil {
		e.flags(f)
	}
	if e.full != nil {
		f.BoolVar(&s.full, "full", false, "make the paper's whole experiment: "+e.full.String())
	}
	if e.gridStarts > 0 {
		f.BoolVar(&s.grid, "grid", false,
			"first search the best rate of each solver that has a constant one")
	}
	f.Var((*count)(&s.jobs), "jobs",
		"`number` of runs side by side (default one for each core, 1 where run times are compared)")
	f.StringVar(&s.out, "out", "out", "`folder` for figures and CSV, made if it does not exist")
	f.StringVar(&s.checkpoint, "checkpoint", "",
		"`file` to save the training to, after epochs and on Ctrl-C")
	f.BoolVar(&s.resume, "resume", false, "go on from the file of --checkpoint, if it exists")
}

// complete fills in the defaults that depend on other flags, and checks the combinations.
func (s *settings) complete(e experiment, f *pflag.FlagSet) error {
	scope := e.plain
	if s.full {
		scope = *e.full
	}
	if !f.Changed("solvers") {
		if s.solvers = mustParseSolvers(scope.solvers); s.grid && scope.gridSolvers != "" {
			s.solvers = append(s.solvers, mustParseSolvers(scope.gridSolvers)...)
		}
	}
	if !f.Changed("epochs") {
		s.epochs = scope.epochs
	}
	if !f.Changed("restarts") {
		s.restarts = scope.restarts
	}
	if !f.Changed("jobs") {
		s.jobs = runtime.GOMAXPROCS(0)
		if e.timed && !s.full && !s.grid && s.restarts == 1 && len(s.batches) <= 1 {
			s.jobs = 1 // each solver makes one run on the same task, so that times can be compared
		}
	}
	switch {
	case s.grid && !slices.ContainsFunc(s.solvers, solverSpec.constant):
		return errors.Errorf("--grid: no solver of %v has a constant rate: add one to --solvers",
			s.solvers)
	case s.grid && s.solvers.sameKind():
		return errors.Errorf("--grid: %v: name each solver with a constant rate once", s.solvers)
	case s.resume && s.checkpoint == "":
		return errors.New("--resume: name the file to go on from with --checkpoint")
	}
	s.out = filepath.Clean(s.out)
	s.fingerprint = fingerprint(e, f)
	return nil
}

// apart are the flags that a checkpoint does not depend on: what they choose stands in each runID,
// or changes no numbers.
var apart = strings.Fields(
	"solvers seed restarts tasks batch full grid jobs out checkpoint resume help")

func fingerprint(e experiment, f *pflag.FlagSet) string {
	text := e.name
	f.VisitAll(func(fl *pflag.Flag) {
		if !slices.Contains(apart, fl.Name) {
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

// choose returns the variants that --tasks names, all without --tasks.
func (s settings) choose(vs []variant) ([]variant, error) {
	if s.tasks == nil {
		return vs, nil
	}
	chosen := map[string]bool{}
	for _, beginning := range s.tasks {
		found := false
		for _, v := range vs {
			if strings.HasPrefix(v.name, beginning) {
				chosen[v.name], found = true, true
			}
		}
		if !found {
			var names []string
			for _, v := range vs {
				names = append(names, v.name)
			}
			return nil, errors.Errorf("--tasks: no task %q: choose from %s", beginning,
				strings.Join(names, ", "))
		}
	}
	return slices.DeleteFunc(vs, func(v variant) bool { return !chosen[v.name] }), nil
}
