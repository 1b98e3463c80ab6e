package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/pkg/errors"

	"github.com/l4-go/l4/dist"
	"github.com/l4-go/l4/internal/experiment/compare"
	"github.com/l4-go/l4/internal/experiment/figure"
)

// suite returns the suite of the experiment.
func (e experiment) suite() suite {
	u := suite{
		name: e.name, about: e.about, examples: e.examples, ranks: true,
		offered: compare.Solvers, tasks: e.tasks, defaultTasks: "all", data: e.data,
		defaults: settings{
			solvers: compare.MustParseChoices(e.plain.solvers),
			epochs:  e.plain.epochs, seed: 1, seeds: e.plain.seeds,
			batches: e.batches, dtype: e.dtype,
		},
		jobs: "the number of cores",
		checkpoint: "`file` to save the training to after runs, after epochs and on Ctrl-C; an " +
			"existing file is an error without --resume",
		resume: "resume the training from the file of --checkpoint, if it exists",
	}
	if e.timed {
		u.jobs += "; 1 with one seed and one batch size and without --full and --grid, to " +
			"compare run times"
	}
	if e.full != nil {
		u.full = "make the paper's complete experiment: " + e.full.String()
	}
	u.help = fmt.Sprintf("%s.\nAn epoch is %s.\n\n%s", e.about, e.epoch, u.helpOfSolvers())
	if len(e.tasks) > 0 {
		u.help += "\nTasks:\n  " + strings.Join(e.tasks, "\n  ") + "\n"
	}
	if e.gridSeeds > 0 {
		u.help += fmt.Sprintf(gridHelp, e.gridSeeds)
	}
	u.flags = e.addFlags
	u.run = func(ctx context.Context, world *dist.World, s settings, w io.Writer) error {
		if err := e.complete(&s); err != nil {
			return err
		}
		s.fingerprint = e.fingerprint(s)
		return runExperiment(ctx, world, e, s, w)
	}
	return u
}

// job is a running experiment with the user's settings.
type job struct {
	settings
	experiment experiment
	comparison *compare.Comparison
	search     *compare.Search // nil without --grid
	progress   *progress
	closeOut   func() // allows other demos to write to --out
}

// runExperiment makes the runs of an experiment and its report. Errors after the start of the
// training are failures.
func runExperiment(
	ctx context.Context, world *dist.World, e experiment, s settings, w io.Writer,
) (err error) {
	if e.source != nil && s.data == "" {
		if s.data, err = findOnRanks(ctx, world, e.source, w); err != nil {
			return err
		}
	}
	j, err := newJob(world, e, s, w)
	if err == nil {
		defer j.close()
	}
	if err := world.Agree(err); err != nil {
		return err
	}
	if err := shareCheckpoint(world, j.comparison.Checkpoint); err != nil {
		return err
	}
	ctx, j.comparison.Reduce = together(ctx, world)
	err = j.train(ctx)
	if world.Rank() == 0 {
		if reportErr := j.report(w); reportErr != nil {
			err = reportErr
		}
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		return failure{err}
	}
	return err
}

// newJob checks everything that can be checked before the training, and creates the output folder.
func newJob(world *dist.World, e experiment, s settings, w io.Writer) (*job, error) {
	tasks, err := e.newTasks(s)
	if err != nil {
		return nil, err
	}
	tasks, err = compare.Choose("task", tasks, s.tasks,
		func(t compare.Task) string { return t.Name })
	if err != nil {
		return nil, errors.WithMessage(err, "--tasks")
	}
	for i := range tasks {
		tasks[i].Solvers = s.solvers
	}
	if n := world.Size(); n > 1 {
		s.fingerprint += fmt.Sprintf(" on %d ranks", n)
		if len(e.batches) == 0 {
			return nil, errors.Errorf("demo %s has no batches to share among %d ranks: "+
				"start it without mpirun", e.name, n)
		}
		if err := divide(world, tasks); err != nil {
			return nil, err
		}
		s.jobs = 1 // parallel runs would reach the exchanges in different orders on different ranks
	}
	j := &job{settings: s, experiment: e, closeOut: func() {}}
	if world.Rank() == 0 {
		if j.closeOut, err = s.openOut(e.name, j.files()...); err != nil {
			return nil, err
		}
	} else {
		s.checkpoint = ""
	}
	checkpoint, err := compare.OpenCheckpoint(s.checkpoint, s.fingerprint, s.resume)
	if err != nil {
		j.closeOut()
		return nil, errors.WithMessage(err, "--checkpoint")
	}
	j.comparison = &compare.Comparison{
		Tasks: tasks, Seeds: compare.Seeds(s.seed, s.seeds), Jobs: s.jobs, Checkpoint: checkpoint,
	}
	j.progress = newProgress(w, j.comparison)
	j.comparison.Progress = j.progress
	return j, nil
}

// close allows other demos to use the checkpoint and the output folder.
func (j *job) close() {
	j.comparison.Checkpoint.Close()
	j.closeOut()
}

// train makes all runs: with --grid the search for the best rates, then the comparison.
func (j *job) train(ctx context.Context) (err error) {
	defer j.progress.close()
	if j.grid {
		j.search, err = compare.SearchRates(ctx, j.comparison, j.experiment.gridSeeds)
		if err != nil {
			return err
		}
	}
	return j.comparison.Train(ctx)
}

// report writes the CSV file, prints the results and draws the figures. If a file cannot be
// written, report still writes the others.
func (j *job) report(w io.Writer) error {
	if !j.comparison.HasEpochs() {
		fmt.Fprintln(w, "\nNo run completed an epoch, so no results were written.")
		return nil
	}
	files := j.files()
	err := j.comparison.WriteCSV(files[0])
	fmt.Fprintln(w)
	if j.search != nil {
		fmt.Fprint(w, j.search.Report())
	}
	fmt.Fprint(w, j.experiment.report(j.settings, j.comparison))
	panels := j.comparison.Panels(j.experiment.unit, j.experiment.measures...)
	for _, path := range files[1:] {
		err = cmp.Or(err, figure.Save(path, panels...))
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "Wrote %s.\n", strings.Join(files, ", "))
	return nil
}

// files returns the paths of the files that the job writes: the CSV file, then the figures.
func (j *job) files() []string {
	base := filepath.Join(j.out, j.experiment.name)
	return []string{base + ".csv", base + ".png", base + ".svg"}
}
