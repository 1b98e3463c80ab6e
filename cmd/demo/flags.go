package main

import (
	"flag"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/pkg/errors"

	"github.com/l4-go/l4/internal/experiment/train"
)

// settings are what the user chose.
type settings struct {
	experiment string
	full       bool
	grid       bool
	trace      bool
	tasks      nameList
	solvers    solverList
	epochs     int
	batches    intList
	seed       uint64
	restarts   int
	dtype      string
	jobs       int
	out        string
	data       string
	checkpoint string
	resume     bool
}

func parse(args []string, help io.Writer) (settings, error) {
	s := settings{experiment: "mnist"}
	named := len(args) > 0 && !strings.HasPrefix(args[0], "-")
	if named {
		s.experiment, args = args[0], args[1:]
	}
	f := flag.NewFlagSet("demo", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.BoolVar(&s.full, "full", false, "make the paper's whole experiment, where the default is a shorter one")
	f.BoolVar(&s.grid, "grid", false, "first find the best rate of each solver that has a constant one")
	f.BoolVar(&s.trace, "trace", false, "instead draw, for stress, how the steps of plain and of guarded L4Adam go on MNIST with 20 % wrong labels")
	f.Var(&s.tasks, "tasks", "`names` of the tasks to make, or their beginnings, such as quadratic,rosenbrock (default all)")
	f.Var(&s.solvers, "solvers", "solvers to compare, such as `l4adam,l4mom:0.25,adam:1e-3` (default the experiment's)")
	f.IntVar(&s.epochs, "epochs", 0, "`number` of epochs (default the experiment's)")
	f.Var(&s.batches, "batch", "`images` in a batch; several numbers, such as 8,16,32,64, are compared (default the experiment's)")
	f.Uint64Var(&s.seed, "seed", 1, "`number` that initial weights and batches follow from")
	f.IntVar(&s.restarts, "restarts", 0, "`number` of starts from other weights, with seeds counted on from -seed (default the experiment's)")
	f.StringVar(&s.dtype, "dtype", "", "`type` of the weights, float32 or float64 (default the experiment's)")
	f.IntVar(&s.jobs, "jobs", 0, "`number` of runs side by side (default one for each core, but 1 where run times are compared)")
	f.StringVar(&s.out, "out", "out", "`folder` for the figure and the CSV")
	f.StringVar(&s.data, "data", "", "`folder` with the files of the data set; found by itself if it came with the Go modules")
	f.StringVar(&s.checkpoint, "checkpoint", "", "`file` that the training so far is saved to, after epochs and on Ctrl-C")
	f.BoolVar(&s.resume, "resume", false, "go on from the file of -checkpoint, if there is one")
	err := f.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		usage(help, f)
		return s, err
	}
	if err != nil {
		return s, errors.Errorf("%v (-h shows the flags)", err)
	}
	if f.NArg() == 1 && !named {
		s.experiment = f.Arg(0)
	} else if f.NArg() > 0 {
		return s, errors.Errorf("do not know what to do with %q (-h shows the usage)", f.Args())
	}
	e, ok := experiments[s.experiment]
	if !ok {
		return s, errors.Errorf("no experiment %q: choose from %s", s.experiment, strings.Join(sortedKeys(experiments), ", "))
	}
	return s, s.complete(e, f)
}

// complete fills in the experiment's defaults and checks the numbers.
func (s *settings) complete(e experiment, f *flag.FlagSet) error {
	given := map[string]bool{}
	f.Visit(func(fl *flag.Flag) { given[fl.Name] = true })
	scope := e.plain
	if s.full && e.full == nil {
		return errors.Errorf("-full: %s is the paper's whole experiment without it", s.experiment)
	} else if s.full {
		scope = *e.full
	}
	if !given["solvers"] {
		solvers := scope.solvers
		if s.grid {
			solvers += "," + scope.gridSolvers
		}
		if err := s.solvers.Set(solvers); err != nil {
			return err
		}
	}
	if !given["epochs"] {
		s.epochs = scope.epochs
	}
	if !given["restarts"] {
		s.restarts = scope.restarts
	}
	if !given["batch"] {
		s.batches = e.batches
	}
	if !given["dtype"] {
		s.dtype = e.dtype
	}
	if !given["jobs"] {
		s.jobs = runtime.GOMAXPROCS(0)
		if s.timed(e) {
			s.jobs = 1
		}
	}
	switch {
	case s.epochs < 1:
		return errors.Errorf("-epochs %d: want at least 1", s.epochs)
	case s.restarts < 1:
		return errors.Errorf("-restarts %d: want at least 1", s.restarts)
	case s.jobs < 1:
		return errors.Errorf("-jobs %d: want at least 1", s.jobs)
	case s.trace && e.trace == nil:
		return errors.Errorf("-trace: %s has none", s.experiment)
	case given["batch"] && e.batches == nil:
		return errors.Errorf("-batch: %s has no batches", s.experiment)
	case s.grid && !slices.ContainsFunc(s.solvers, solverSpec.constant):
		return errors.Errorf("-grid: no solver among %v has a constant rate", &s.solvers)
	case s.grid && s.solvers.sameKind():
		return errors.Errorf("-grid: want each solver with a constant rate once, not %v", &s.solvers)
	case s.resume && s.checkpoint == "":
		return errors.New("-resume: want -checkpoint, too")
	case s.dtype != "float32" && s.dtype != "float64":
		return errors.Errorf("-dtype %s: want float32 or float64", s.dtype)
	}
	s.out = filepath.Clean(s.out)
	return nil
}

// timed says that the times of the runs are worth a comparison: each solver makes one on the same task.
func (s *settings) timed(e experiment) bool {
	return e.timed && !s.full && !s.grid && s.restarts == 1 && len(s.batches) == 1
}

func usage(w io.Writer, f *flag.FlagSet) {
	fmt.Fprint(w, "Demo trains with L4 and with Gorgonia's own solvers from the same start, prints a table, and\nwrites the curves as PNG, SVG and CSV.\n\nUsage: demo [experiment] [flags]\n\nExperiments:\n")
	for _, name := range sortedKeys(experiments) {
		e := experiments[name]
		fmt.Fprintf(w, "  %-13s %s\n                an epoch is %s\n                %v\n", name, e.about, e.epoch, e.plain)
		if e.full != nil {
			fmt.Fprintf(w, "                -full: %v\n", *e.full)
		}
	}
	fmt.Fprint(w, "\nSolvers, each with a number behind a colon if it is not the default:\n")
	for _, name := range sortedKeys(train.Kinds) {
		k := train.Kinds[name]
		fmt.Fprintf(w, "  %-13s %s %v\n", name, k.Number, k.Value)
	}
	fmt.Fprint(w, "\nFlags:\n")
	f.SetOutput(w)
	f.VisitAll(func(fl *flag.Flag) {
		arg, text := flag.UnquoteUsage(fl)
		if fl.DefValue != "" && fl.DefValue != "0" && fl.DefValue != "false" {
			text += fmt.Sprintf(" (default %s)", fl.DefValue)
		}
		fmt.Fprintf(w, "  -%s %s\n        %s\n", fl.Name, arg, text)
	})
	fmt.Fprint(w, `
The search of -grid goes through rates a factor of about 3 apart, around the one given, and on while the best
lies at the edge. The best has the smallest mean training loss of the last epoch, in the geometric mean over
the starts; a rate that diverges from any start is out.

Examples:
  demo -epochs 2 -solvers l4adam:0.15,l4adam:0.25,momentum
  demo regression                                     the paper's Fig. 2, on two matrices
  demo mnist -full -checkpoint run.ckpt               the paper's Fig. 3 and Table 2
  demo mnist -full -checkpoint run.ckpt -resume       and after a crash
  demo mnist -full -batch 8,16,32,64                  its comparison of batch sizes
  demo mnist -full -grid                              with the best rates for the other solvers
  demo stress                                         where plain L4 diverges and its guard does not
  demo stress -tasks quadratic,rosenbrock             the same without MNIST, in seconds

Ctrl-C ends the training and writes what there is. The same flags give the same numbers, whatever -jobs is.
`)
}

// intList is a flag: whole numbers above 0, separated by commas.
type intList []int

func (l *intList) String() string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint([]int(*l)), " ", ","), "[]")
}

func (l *intList) Set(text string) error {
	*l = nil
	for _, word := range strings.Split(text, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(word))
		switch {
		case err != nil:
			return errors.Errorf("%q is no whole number", word)
		case n < 1:
			return errors.Errorf("%d: want at least 1", n)
		case slices.Contains(*l, n):
			return errors.Errorf("%d twice", n)
		}
		*l = append(*l, n)
	}
	return nil
}

// nameList is a flag: beginnings of variants' names, separated by commas.
type nameList []string

func (l *nameList) String() string { return strings.Join(*l, ",") }

func (l *nameList) Set(text string) error {
	*l = strings.Split(text, ",")
	return nil
}

// choose returns the variants with these names, all if there are none.
func (l nameList) choose(vs []variant) ([]variant, error) {
	if l == nil {
		return vs, nil
	}
	chosen := map[string]bool{}
	for _, beginning := range l {
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
			return nil, errors.Errorf("-tasks: no task %q: choose from %s", beginning, strings.Join(names, ", "))
		}
	}
	return slices.DeleteFunc(vs, func(v variant) bool { return !chosen[v.name] }), nil
}

func sortedKeys[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}
