package main

import (
	"context"
	"io"
	"path/filepath"
	"runtime"

	"github.com/pkg/errors"
	"github.com/spf13/pflag"

	"github.com/l4-go/l4/dist"
	"github.com/l4-go/l4/internal/experiment/compare"
)

// suite is a command that compares solvers on tasks, described as data. The flags that all commands
// share, the help and the completion follow from it.
type suite struct {
	name     string // of the command
	about    string // one line of help
	help     string // above the flags
	examples string // of the command line

	offered      []compare.Solver // that --solvers chooses from
	tasks        []string         // names that --tasks chooses from; nil for no such flag
	defaultTasks string           // help: which of them run by default
	defaults     settings         // of the flags
	// Help on the default of --solvers, if defaults has no solvers.
	defaultSolvers string

	// What flags mean here; "" stands for no such flag.
	full, data, checkpoint, resume string
	jobs                           string // help: the default of --jobs

	ranks bool                                // whether several ranks can run it
	flags func(f *pflag.FlagSet, s *settings) // adds further flags; nil for none
	// run makes the runs and the report. Errors after the training has begun are failures.
	run func(ctx context.Context, world *dist.World, s settings, w io.Writer) error
}

// settings are what the user chose on the command line.
type settings struct {
	solvers    compare.Choices
	tasks      []string // names, or beginnings of names; nil for the default
	full       bool
	seed       uint64
	seeds      int
	jobs       int
	data       string
	out        string
	checkpoint string
	resume     bool

	flags *pflag.FlagSet // with what the user gave

	// Of the experiments.
	epochs      int
	batches     []int
	dtype       string
	grid        bool
	fingerprint string // the settings that the numbers of a run depend on, besides its compare.Run
}

// failure is an error after the training has begun. Errors before that are the user's to fix.
type failure struct{ error }

// addFlags adds the flags of a suite, which set s.
func (s *settings) addFlags(u suite, f *pflag.FlagSet) {
	*s = u.defaults
	f.Var(&solverList{&s.solvers, u.offered}, "solvers",
		"`list` of solvers to compare, such as l4adam,l4mom:0.25,adam:1e-3, or of beginnings of "+
			"their names"+u.defaultSolvers)
	if len(u.tasks) > 0 {
		f.StringSliceVar(&s.tasks, "tasks", nil,
			"`list` of tasks, or of beginnings of their names (default "+u.defaultTasks+")")
	}
	if u.flags != nil {
		u.flags(f, s)
	}
	if u.full != "" {
		f.BoolVar(&s.full, "full", false, u.full)
	}
	f.Uint64Var(&s.seed, "seed", s.seed,
		"`number` that initial weights, data and their order follow from")
	f.Var(seeds{(*count)(&s.seeds)}, "seeds", "`number` of seeds, counted on from --seed")
	f.Var((*count)(&s.jobs), "jobs", "`number` of runs side by side (default "+u.jobs+")")
	if u.data != "" {
		f.StringVar(&s.data, "data", "", "`folder` with "+u.data)
	}
	f.StringVar(&s.out, "out", "out",
		"`folder` for tables, figures and CSV, made if it does not exist")
	if u.checkpoint != "" {
		f.StringVar(&s.checkpoint, "checkpoint", "", u.checkpoint)
	}
	if u.resume != "" {
		f.BoolVar(&s.resume, "resume", false, u.resume)
	}
	s.flags = f
}

// complete fills in the defaults that depend on the machine.
func (s *settings) complete() {
	if !s.flags.Changed("jobs") {
		s.jobs = runtime.GOMAXPROCS(0)
	}
	s.out = filepath.Clean(s.out)
}

// openOut opens the folder of --out; see compare.OpenFolder.
func (s settings) openOut(name string, files ...string) (release func(), err error) {
	release, err = compare.OpenFolder(s.out, name, files...)
	return release, errors.WithMessage(err, "--out")
}
