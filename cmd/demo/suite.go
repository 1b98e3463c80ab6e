package main

import (
	"context"
	"io"
	"path/filepath"
	"runtime"
	"strings"
	"unicode/utf8"

	"github.com/pkg/errors"
	"github.com/spf13/pflag"

	"github.com/l4-go/l4/dist"
	"github.com/l4-go/l4/internal/experiment/compare"
)

// suite describes a command that compares solvers on tasks. The common flags, the help and the
// completion are made from the description.
type suite struct {
	name     string // of the command
	about    string // one line of help
	help     string // above the flags
	examples string // of the command line

	offered      []compare.Solver // the solvers that --solvers chooses from
	tasks        []string         // the names that --tasks chooses from; nil omits the flag
	defaultTasks string           // help: the tasks that run by default
	defaults     settings         // the defaults of the flags
	// defaultSolvers is the help on the default of --solvers. It is set if defaults has no solvers.
	defaultSolvers string

	// Help of flags. A flag whose help is "" is omitted.
	full, data, checkpoint, resume string
	jobs                           string // help: exceptions from the default of --jobs

	ranks bool                                // whether the command can run on several ranks
	flags func(f *pflag.FlagSet, s *settings) // adds further flags; nil adds none
	// run makes the runs and the report. Errors after the start of the training are failures.
	run func(ctx context.Context, world *dist.World, s settings, w io.Writer) error
}

// settings are the values of the flags.
type settings struct {
	solvers    compare.Choices
	tasks      []string // names or beginnings of names; nil is the default
	full       bool
	seed       uint64
	seeds      int
	jobs       int
	data       string
	out        string
	checkpoint string
	resume     bool

	flags *pflag.FlagSet // after parsing

	// Only experiments use these.
	epochs  int
	batches []int
	dtype   string
	grid    bool
}

// failure is an error after the start of the training. Errors before it are mistakes of the user.
type failure struct{ error }

func (f failure) Unwrap() error { return f.error }

// helpWidth is the number of columns of the help.
const helpWidth = 100

// seedHelp is the help of --seed.
const seedHelp = "first seed, a `number`; a seed determines the initial weights, the random " +
	"data and the order of the data"

// addFlags adds the flags of a suite. Parsing them sets s.
func (s *settings) addFlags(u suite, f *pflag.FlagSet) {
	*s = u.defaults
	f.Var(solverList{&s.solvers, u.offered}, "solvers",
		"`list` of solvers to compare, such as l4adam,l4mom:0.25,adam:1e-3; the beginning of a "+
			"name selects all solvers whose names begin with it"+u.defaultSolvers)
	if len(u.tasks) > 0 {
		f.StringSliceVar(&s.tasks, "tasks", nil,
			"`list` of tasks, separated by commas; the beginning of a name selects all tasks "+
				"whose names begin with it (default "+u.defaultTasks+")")
	}
	if u.flags != nil {
		u.flags(f, s)
	}
	if u.full != "" {
		f.BoolVar(&s.full, "full", false, u.full)
	}
	f.Uint64Var(&s.seed, "seed", s.seed, seedHelp)
	f.Var(count{&s.seeds, maxSeeds}, "seeds", "`number` of seeds: --seed, --seed + 1 and so on")
	f.Var(count{&s.jobs, compare.MaxCount}, "jobs",
		"`number` of runs at the same time (default the number of cores"+u.jobs+")")
	if u.data != "" {
		f.StringVar(&s.data, "data", "", "`folder` with "+u.data)
	}
	f.StringVar(&s.out, "out", "out",
		"`folder` to write the results to; created if it does not exist")
	if u.checkpoint != "" {
		f.StringVar(&s.checkpoint, "checkpoint", "", u.checkpoint)
	}
	if u.resume != "" {
		f.BoolVar(&s.resume, "resume", false, u.resume)
	}
	s.flags = f
}

// complete sets the defaults that depend on the machine, and cleans the path of --out.
func (s *settings) complete() {
	if !s.flags.Changed("jobs") {
		s.jobs = runtime.GOMAXPROCS(0)
	}
	s.out = filepath.Clean(s.out)
}

// wrap returns a text after a name, in lines of up to helpWidth columns. The text starts in the
// same column of each line.
func wrap(name, text string) string {
	line, indent := name, strings.Repeat(" ", len(name))
	var lines []string
	for _, word := range strings.Fields(text) {
		if utf8.RuneCountInString(line+word) >= helpWidth {
			lines, line = append(lines, line), indent
		}
		if name != "" || line != "" {
			line += " "
		}
		line += word
	}
	return strings.Join(append(lines, line), "\n") + "\n"
}

// openOut opens the folder of --out; see compare.OpenFolder.
func (s settings) openOut(name string, files ...string) (release func(), err error) {
	release, err = compare.OpenFolder(s.out, name, files...)
	return release, errors.WithMessage(err, "--out")
}
