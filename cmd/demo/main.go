// Command demo trains with L4 and with Gorgonia's own solvers, side by side, and draws what came out.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"sort"
	"strings"
	"syscall"

	"github.com/pkg/errors"

	"github.com/l4-go/l4/internal/train"
)

// settings are what the user chose.
type settings struct {
	experiment string
	solvers    solverList
	epochs     int
	batch      int
	seed       uint64
	restarts   int
	dtype      string
	out        string
	data       string
	checkpoint string
	resume     bool
}

// Exit codes.
const (
	exitFailed      = 1
	exitUsage       = 2
	exitInterrupted = 130
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the program. Its result is the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	fail := func(code int, err error) int {
		fmt.Fprintln(stderr, "demo:", err)
		return code
	}
	s, err := parse(args, stdout)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		return fail(exitUsage, err)
	}
	newTask, err := experiments[s.experiment].open(s)
	if err != nil {
		return fail(exitUsage, err)
	}
	c, err := openCheckpoint(s)
	if err != nil {
		return fail(exitUsage, err)
	}
	if err := os.MkdirAll(s.out, 0o755); err != nil {
		return fail(exitUsage, err)
	}

	runs, err := trainAll(ctx, s, newTask, c, newProgress(stdout, s))
	if reportErr := report(stdout, s, runs); reportErr != nil {
		return fail(exitFailed, reportErr)
	}
	switch {
	case errors.Is(err, context.Canceled):
		return fail(exitInterrupted, errors.New("interrupted"))
	case err != nil:
		return fail(exitFailed, err)
	}
	return 0
}

// result is one run: a solver from one start.
type result struct {
	Solver  solverSpec
	Seed    uint64
	Records []train.Record
	Ended   string // why it ended early, if it did
}

// trainAll makes the runs that a checkpoint has not got, one after the other, so that their times can be
// compared. A run that diverges is a result like any other.
func trainAll(ctx context.Context, s settings, newTask func(seed uint64) *train.Task, c *checkpoint, p *progress) ([]result, error) {
	for i := len(c.Done); i < s.restarts*len(s.solvers); i++ {
		restart, spec := i/len(s.solvers), s.solvers[i%len(s.solvers)]
		seed := s.seed + uint64(restart)
		task := newTask(seed)
		opts := train.Options{Epochs: s.epochs, Resume: c.Current}
		if c.file != "" {
			opts.Save = c.saveRun
		}
		p.begin(spec, restart, task.EpochSteps, &opts)
		records, err := train.Run(ctx, task, kinds[spec.Kind].make(task.Loss, spec.Value), opts)
		p.end(err)
		r := result{Solver: spec, Seed: seed, Records: records}
		if err != nil {
			r.Ended = err.Error()
		}
		if err != nil && !errors.Is(err, train.ErrDiverged) {
			return append(c.Done, r), err
		}
		if err := c.saveResult(r); err != nil {
			return c.Done, err
		}
	}
	return c.Done, nil
}

func parse(args []string, help io.Writer) (settings, error) {
	s := settings{experiment: "mnist"}
	named := len(args) > 0 && !strings.HasPrefix(args[0], "-")
	if named {
		s.experiment, args = args[0], args[1:]
	}
	f := flag.NewFlagSet("demo", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.Var(&s.solvers, "solvers", "solvers to compare, such as `l4adam,l4mom:0.25,adam:1e-3` (default the experiment's)")
	f.IntVar(&s.epochs, "epochs", 0, "`number` of epochs (default the experiment's)")
	f.IntVar(&s.batch, "batch", 0, "`images` in a batch (default the experiment's)")
	f.Uint64Var(&s.seed, "seed", 1, "`number` that initial weights and batches follow from")
	f.IntVar(&s.restarts, "restarts", 1, "`number` of starts from other weights, with seeds counted on from -seed")
	f.StringVar(&s.dtype, "dtype", "", "`type` of the weights, float32 or float64 (default the experiment's)")
	f.StringVar(&s.out, "out", "out", "`folder` for the figure and the CSV")
	f.StringVar(&s.data, "data", "", "`folder` with the files of the data set; found by itself if it came with the Go modules")
	f.StringVar(&s.checkpoint, "checkpoint", "", "`file` that the training so far is saved to after each epoch and on Ctrl-C")
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
	if !given["solvers"] {
		if err := s.solvers.Set(e.solvers); err != nil {
			return err
		}
	}
	if !given["epochs"] {
		s.epochs = e.epochs
	}
	if !given["batch"] {
		s.batch = e.batch
	}
	if !given["dtype"] {
		s.dtype = e.dtype
	}
	switch {
	case s.epochs < 1:
		return errors.Errorf("-epochs %d: want at least 1", s.epochs)
	case s.restarts < 1:
		return errors.Errorf("-restarts %d: want at least 1", s.restarts)
	case given["batch"] && e.batch == 0:
		return errors.Errorf("-batch: %s has no batches", s.experiment)
	case e.batch > 0 && s.batch < 1:
		return errors.Errorf("-batch %d: want at least 1", s.batch)
	case s.resume && s.checkpoint == "":
		return errors.New("-resume: want -checkpoint, too")
	case s.dtype != "float32" && s.dtype != "float64":
		return errors.Errorf("-dtype %s: want float32 or float64", s.dtype)
	}
	s.out = filepath.Clean(s.out)
	return nil
}

func (s settings) checkBatch(images int) error {
	if s.batch > images {
		return errors.Errorf("-batch %d: the data set has %d images", s.batch, images)
	}
	return nil
}

func usage(w io.Writer, f *flag.FlagSet) {
	fmt.Fprint(w, "Demo trains with L4 and with Gorgonia's own solvers from the same start, prints a table, and\nwrites the curves as PNG, SVG and CSV.\n\nUsage: demo [experiment] [flags]\n\nExperiments:\n")
	for _, name := range sortedKeys(experiments) {
		e := experiments[name]
		fmt.Fprintf(w, "  %-11s %s\n              %d epochs, each %s, with %s\n", name, e.about, e.epochs, e.epoch, e.solvers)
	}
	fmt.Fprint(w, "\nSolvers, each with a number behind a colon if it is not the default:\n")
	for _, name := range sortedKeys(kinds) {
		k := kinds[name]
		fmt.Fprintf(w, "  %-11s %s %v\n", name, k.number, k.value)
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
	fmt.Fprint(w, "\nExamples:\n  demo -epochs 2 -solvers l4adam:0.15,l4adam:0.25,momentum\n  demo regression -restarts 3\n  demo -epochs 30 -checkpoint run.ckpt            and after a crash\n  demo -epochs 30 -checkpoint run.ckpt -resume\n\nCtrl-C ends the training and writes what there is.\n")
}

func sortedKeys[V any](m map[string]V) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
