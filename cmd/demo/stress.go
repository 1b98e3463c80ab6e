package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/pkg/errors"
	"github.com/spf13/pflag"

	"github.com/l4-go/l4/dist"
	"github.com/l4-go/l4/internal/experiment/compare"
	"github.com/l4-go/l4/internal/experiment/dataset"
	"github.com/l4-go/l4/internal/experiment/figure"
	"github.com/l4-go/l4/internal/experiment/stress"
)

const (
	quickSeeds = 2
	fullSeeds  = 5 // with --full
)

// stressDataHelp is the help of --data, after "folder with".
const stressDataHelp = "the folders fashion-mnist and mnist, each with the four files of its " +
	"data set (default the data of demo fashion and demo mnist)"

// stressSuite compares solvers on many small tasks. It is not an experiment, because its tasks have
// neither epochs nor curves.
func stressSuite() suite {
	study := stress.Studies[0].Name
	u := suite{
		name:         "stress",
		about:        "Compare solvers on many small tasks that make learning rates hard to choose",
		offered:      compare.Solvers,
		defaultTasks: "all tasks of the study; of the suite without --full only those with a star",
		defaults:     settings{seed: stress.FirstSeed, seeds: quickSeeds},

		defaultSolvers: " (default all solvers of the study)",
		full: fmt.Sprintf("run all tasks of the suite, and use %d seeds if --seeds is not given",
			fullSeeds),
		data: stressDataHelp,
		resume: "make only the runs that are missing in the folder of --out; without --resume " +
			"all runs are made, and the file of the earlier runs is overwritten",
		flags: func(f *pflag.FlagSet, _ *settings) {
			f.StringVar(&study, "study", study, "`name` of the study to run, or its beginning")
		},
	}
	for _, t := range stress.Suite(new(stress.Data)) {
		u.tasks = append(u.tasks, t.Name)
	}
	u.help = stressHelp(u)
	u.run = func(ctx context.Context, _ *dist.World, s settings, w io.Writer) error {
		return runStress(ctx, s, study, w)
	}
	return u
}

func stressHelp(u suite) string {
	var text strings.Builder
	text.WriteString(wrap("", "Compare solvers that choose their learning rate, and Adam at five "+
		"learning rates, on many small tasks. A run takes about a second, all runs take some "+
		"minutes, and with --full half an hour on two cores. The runs are written as CSV, the "+
		"tables as Markdown and CSV, and the figure as PNG and SVG."))
	text.WriteString("\n" + wrap("", stress.SeedsNote))
	text.WriteString("\nStudies, which --study chooses from:\n")
	for _, s := range stress.Studies {
		fmt.Fprintf(&text, "  %-8s %s\n", s.Name, s.Title)
	}
	text.WriteString("\nTasks of the suite. Without --full only the tasks with a star run:\n")
	for _, t := range stress.Suite(new(stress.Data)) {
		star := " "
		if stress.IsQuick(t) {
			star = "*"
		}
		text.WriteString(wrap(fmt.Sprintf("%s %-18s", star, t.Name), t.Title))
	}
	text.WriteString("\nDefault solvers of the suite:\n")
	for _, s := range stress.Studies[0].Solvers {
		fmt.Fprintf(&text, "  %-18v %s\n", compare.Choices{s}, s.Short())
	}
	return text.String() + "\n" + u.helpOfSolvers()
}

// runStress makes a comparison and its report. Errors after the start of the training are failures.
func runStress(ctx context.Context, s settings, study string, w io.Writer) error {
	plan, name, err := stressPlan(s, study, w)
	if err != nil {
		return err
	}
	release, err := s.openOut(name, append(stress.Files(s.out, name), plan.File)...)
	if err != nil {
		return err
	}
	defer release()
	if !s.resume {
		if err := os.Remove(plan.File); err != nil && !os.IsNotExist(err) {
			return errors.WithMessage(err, "--out")
		}
	}
	progress := newProgress(w, nil)
	plan.Progress = progress.stressRun
	results, err := plan.Run(ctx)
	progress.close()
	if err == nil || errors.Is(err, context.Canceled) && len(results) > 0 {
		report := stress.NewReport(plan.Tasks, plan.Solvers, results)
		text := fmt.Sprintf("%d runs, with seeds from %d on. %s\n", len(results), s.seed,
			stress.SeedsNote)
		saveErr := report.Save(s.out, name, text)
		fmt.Fprintf(w, "\n%s\n%s", figure.Table(report.Summary()), stress.Notes)
		if saveErr != nil {
			return failure{saveErr}
		}
		fmt.Fprintf(w, "\nWrote %s.\n",
			strings.Join(append(stress.Files(s.out, name), plan.File), ", "))
	}
	if err != nil {
		return failure{err}
	}
	return nil
}

// stressPlan returns the runs to make, and the beginning of the names of the output files.
func stressPlan(s settings, word string, w io.Writer) (plan stress.Plan, name string, err error) {
	study, err := stress.FindStudy(word)
	if err != nil {
		return plan, "", errors.WithMessage(err, "--study")
	}
	if s.full && !s.flags.Changed("seeds") {
		s.seeds = fullSeeds
	}
	tasks := study.Tasks(stressData(s.data, w))
	plan = stress.Plan{Solvers: study.Solvers, Jobs: s.jobs, Seeds: compare.Seeds(s.seed, s.seeds)}
	name = "stress"
	if isSuite := study.Name == stress.Studies[0].Name; !isSuite {
		name += "-" + study.Name
	} else if s.tasks == nil && !s.full {
		s.tasks = stress.Quick
	}
	plan.File = filepath.Join(s.out, name+"-runs.csv")
	plan.Tasks, err = compare.Choose("task", tasks, s.tasks,
		func(t stress.Task) string { return t.Name })
	if err != nil {
		return plan, "", errors.WithMessage(err, "--tasks")
	}
	if s.solvers != nil {
		plan.Solvers = s.solvers
	}
	return plan, name, nil
}

// stressData returns the images: from the folder of --data or, without --data, from the same place
// as demo fashion and demo mnist.
func stressData(folder string, w io.Writer) *stress.Data {
	fashion := func(ctx context.Context) (string, error) {
		if folder != "" {
			return filepath.Join(folder, "fashion-mnist"), nil
		}
		source := dataset.FashionMNISTSource
		source.Advice = "put them into a folder fashion-mnist, and name its parent with --data"
		return find(ctx, &source, w)
	}
	digits := func(context.Context) (string, error) {
		if folder != "" {
			return filepath.Join(folder, "mnist"), nil
		}
		return "", nil
	}
	return stress.NewData(fashion, digits)
}

// stressRun shows a finished run: on a terminal in the bar, elsewhere in a line for some of the
// runs.
func (p *progress) stressRun(done, all int, r stress.Result) {
	if p.bar != nil {
		p.bar.ChangeMax(all + 1)
		p.bar.Describe(fmt.Sprintf("%d of %d runs  %s, %s", done, all, r.Task, r.Solver))
		p.bar.Set(done)
	} else if every := (all + comparisonLines - 1) / comparisonLines; done%every == 0 {
		p.print(fmt.Sprintf("%d of %d runs, the last: %s, %s, seed %d", done, all, r.Task, r.Solver,
			r.Seed))
	}
}
