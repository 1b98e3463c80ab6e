package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/pkg/errors"
	"github.com/spf13/cobra"

	"github.com/l4-go/l4/internal/experiment/dataset"
	"github.com/l4-go/l4/internal/experiment/figure"
	"github.com/l4-go/l4/internal/experiment/stress"
)

// stressSettings are what the user chose for a comparison on many small tasks.
type stressSettings struct {
	study          string
	tasks, solvers []string
	full, resume   bool
	seed           uint64
	seeds, jobs    int
	fashion, data  string
	out            string
}

// stressCommand returns the command that compares solvers on many small tasks. It has no epochs and
// no curves, so that it is no experiment like the others.
func stressCommand() *cobra.Command {
	s := &stressSettings{study: stress.Studies[0].Name}
	c := &cobra.Command{
		Use: "stress", Args: cobra.NoArgs,
		Short: "Compare solvers on many small tasks that make learning rates hard to choose",
		Long:  stressLong(),
		RunE: func(c *cobra.Command, _ []string) error {
			return s.run(c.Context(), c.OutOrStdout())
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.StringVar(&s.study, "study", s.study, "`name` of the comparison")
	f.StringSliceVar(&s.tasks, "tasks", nil,
		"`list` of tasks (default some of the suite's, or all of another study's)")
	f.StringSliceVar(&s.solvers, "solvers", nil, "`list` of solvers (default all of the study's)")
	f.BoolVar(&s.full, "full", false, "make all tasks of the suite, from 5 seeds")
	f.Uint64Var(&s.seed, "seed", stress.FirstSeed,
		"`number` that weights, batches and noise follow from")
	f.Var(starts{(*count)(&s.seeds)}, "seeds",
		"`number` of seeds, counted on from --seed (default 2)")
	f.Var((*count)(&s.jobs), "jobs", "`number` of runs side by side (default one for each core)")
	f.StringVar(&s.fashion, "fashion", "", "`folder` with "+fashionFiles)
	f.StringVar(&s.data, "data", "",
		"`folder` with MNIST's files (default a module that ships them)")
	f.StringVar(&s.out, "out", "out",
		"`folder` for the tables, the figure and the runs, made if it does not exist")
	f.BoolVar(&s.resume, "resume", false, "make only the runs that are not in the folder yet")
	return c
}

func stressLong() string {
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
	for _, s := range stress.Solvers() {
		fmt.Fprintf(&text, "  %-18s %s\n", s.Name, s.Title)
	}
	return strings.TrimSuffix(text.String(), "\n")
}

// run makes the comparison and its report. Errors after the training has begun are failures.
func (s *stressSettings) run(ctx context.Context, w io.Writer) error {
	plan, err := s.plan(stress.NewData(s.findFashion(w), s.data))
	if err != nil {
		return err
	}
	release, err := s.prepare(plan.File)
	if err != nil {
		return err
	}
	defer release()
	progress := newProgress(w, nil)
	plan.Progress = func(done, all int, r stress.Result) { progress.stressRun(done, all, r) }
	results, err := plan.Run(ctx)
	progress.close()
	if err == nil || errors.Is(err, context.Canceled) && len(results) > 0 {
		report := stress.NewReport(plan.Tasks, plan.Solvers, results)
		text := fmt.Sprintf("%d runs, seeds from %d on. %s\n", len(results), s.seed,
			stress.SeedsNote)
		saveErr := report.Save(s.out, s.name(), text)
		fmt.Fprintf(w, "\n%s\n%s", figure.Table(report.Summary()), stress.Notes)
		if saveErr != nil {
			return failure{saveErr}
		}
		fmt.Fprintf(w, "\nWrote %s.md, %[1]s.png and more, and the runs to %s.\n",
			filepath.Join(s.out, s.name()), plan.File)
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		return failure{err}
	}
	return err
}

// findFashion returns how to find Fashion-MNIST: as demo fashion does, unless the user has named a
// folder.
func (s *stressSettings) findFashion(w io.Writer) stress.Find {
	return func(ctx context.Context) (string, error) {
		if s.fashion != "" {
			return s.fashion, nil
		}
		source, p := dataset.FashionMNISTSource, &fetchProgress{w: w}
		source.Flag = "--fashion"
		defer p.close()
		return source.Find(ctx, p.show)
	}
}

// plan returns what to run.
func (s *stressSettings) plan(data *stress.Data) (plan stress.Plan, err error) {
	study, err := stress.FindStudy(s.study)
	if err != nil {
		return plan, err
	}
	plan = stress.Plan{Tasks: study.Tasks(data), Solvers: study.Solvers(), Jobs: s.jobs,
		File: filepath.Join(s.out, s.name()+"-runs.csv")}
	names := s.tasks
	if names == nil && s.study == "suite" && !s.full {
		names = stress.Quick
	}
	if names != nil {
		if plan.Tasks, err = stress.ChooseTasks(plan.Tasks, names); err != nil {
			return plan, errors.WithMessage(err, "--tasks")
		}
	}
	if s.solvers != nil {
		if plan.Solvers, err = stress.ChooseSolvers(plan.Solvers, s.solvers); err != nil {
			return plan, errors.WithMessage(err, "--solvers")
		}
	}
	seeds := s.seeds
	switch {
	case seeds > 0:
	case s.full:
		seeds = 5
	default:
		seeds = 2
	}
	plan.Seeds = stress.Seeds(s.seed, seeds)
	return plan, nil
}

// name returns the beginning of the names of the files.
func (s *stressSettings) name() string {
	if s.study == stress.Studies[0].Name {
		return "stress"
	}
	return "stress-" + s.study
}

// prepare opens the folder, and removes the runs in it unless they are to be kept.
func (s *stressSettings) prepare(runs string) (release func(), err error) {
	files := append(stress.Files(s.out, s.name()), runs)
	if release, err = openOut(s.out, s.name(), files...); err != nil || s.resume {
		return release, err
	}
	if err := os.Remove(runs); err != nil && !os.IsNotExist(err) {
		release()
		return nil, errors.WithMessage(err, "--out")
	}
	return release, nil
}

// stressRun shows a finished run: on a terminal by the bar, elsewhere by a line for some of them.
func (p *progress) stressRun(done, all int, r stress.Result) {
	if p.bar != nil {
		p.bar.ChangeMax(all + 1)
		p.bar.Describe(fmt.Sprintf("%d of %d runs  %s, %s", done, all, r.Task, r.Solver))
		p.bar.Set(done)
	} else if every := (all + jobLines - 1) / jobLines; done%every == 0 {
		p.print(fmt.Sprintf("%d of %d runs, the last %s, %s, seed %d", done, all, r.Task, r.Solver,
			r.Seed))
	}
}
