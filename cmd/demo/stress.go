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
	fullSeeds  = 5
)

// stressSuite compares solvers on many small tasks. A task has no epochs and no curves, so this is
// not an experiment.
func stressSuite() suite {
	study := stress.Studies[0].Name
	u := suite{
		name:         "stress",
		about:        "Compare solvers on many small tasks that make learning rates hard to choose",
		offered:      compare.Solvers,
		defaultTasks: "all of the study; of the suite, without --full, those with a star",
		defaults:     settings{seed: stress.FirstSeed, seeds: quickSeeds},

		defaultSolvers: " (default all of the study)",
		full:           fmt.Sprintf("make all tasks of the suite, from %d seeds", fullSeeds),
		data: "the folders fashion-mnist and mnist, each with the four files of its data set " +
			"(default the data of demo fashion and demo mnist)",
		resume: "make only the runs that are not in the folder of --out yet",
		jobs:   "one for each core",
		flags: func(f *pflag.FlagSet, _ *settings) {
			f.StringVar(&study, "study", study, "`name` of the comparison")
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
	text.WriteString("Compare solvers without a learning rate, and Adam at five rates, on many " +
		"small tasks.\nA run takes a second or so, all of them some minutes, with --full half an " +
		"hour on two cores.\n" + stress.SeedsNote + "\n\nStudies:\n")
	for _, s := range stress.Studies {
		fmt.Fprintf(&text, "  %-8s %s\n", s.Name, s.Title)
	}
	text.WriteString("\nTasks of the suite, without --full those with a star:\n")
	for _, t := range stress.Suite(new(stress.Data)) {
		star := " "
		if stress.IsQuick(t) {
			star = "*"
		}
		fmt.Fprintf(&text, "%s %-18s %s\n", star, t.Name, t.Title)
	}
	text.WriteString("\nSolvers of the suite:\n")
	for _, s := range stress.Studies[0].Solvers {
		fmt.Fprintf(&text, "  %-18v %s\n", compare.Choices{s}, s.Short())
	}
	return text.String() + "\n" + u.helpOfSolvers()
}

// runStress makes a comparison and its report. Errors after the training has begun are failures.
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
		text := fmt.Sprintf("%d runs, seeds from %d on. %s\n", len(results), s.seed,
			stress.SeedsNote)
		saveErr := report.Save(s.out, name, text)
		fmt.Fprintf(w, "\n%s\n%s", figure.Table(report.Summary()), stress.Notes)
		if saveErr != nil {
			return failure{saveErr}
		}
		fmt.Fprintf(w, "\nWrote %s.md, %[1]s.png and more, and the runs to %s.\n",
			filepath.Join(s.out, name), plan.File)
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		return failure{err}
	}
	return err
}

// stressPlan returns what to run, and the beginning of the names of its files.
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

// stressData returns how to find the images: in the folder that the user has named, or else as the
// experiments on them do.
func stressData(folder string, w io.Writer) *stress.Data {
	fashion := func(ctx context.Context) (string, error) {
		if folder != "" {
			return filepath.Join(folder, "fashion-mnist"), nil
		}
		source := dataset.FashionMNISTSource
		source.Advice = "put them in a folder fashion-mnist, and name the folder above with --data"
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

// stressRun shows a finished run: on a terminal by the bar, elsewhere by a line for some of them.
func (p *progress) stressRun(done, all int, r stress.Result) {
	if p.bar != nil {
		p.bar.ChangeMax(all + 1)
		p.bar.Describe(fmt.Sprintf("%d of %d runs  %s, %s", done, all, r.Task, r.Solver))
		p.bar.Set(done)
	} else if every := (all + comparisonLines - 1) / comparisonLines; done%every == 0 {
		p.print(fmt.Sprintf("%d of %d runs, the last %s, %s, seed %d", done, all, r.Task, r.Solver,
			r.Seed))
	}
}
