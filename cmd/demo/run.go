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
		checkpoint: "`file` to save the training to after runs, after epochs and on Ctrl-C; an " +
			"existing file is an error without --resume",
		resume: "resume the training from the file of --checkpoint, if it exists",
	}
	if e.timed {
		u.jobs = "; 1 with one seed and one batch size and without --full and --grid, to " +
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
	u.flags, u.run = e.addFlags, e.run
	return u
}

// run makes the runs of the experiment and the report. Errors after the start of the training are
// failures.
func (e experiment) run(
	ctx context.Context, world *dist.World, s settings, w io.Writer,
) (err error) {
	if err := e.complete(&s); err != nil {
		return err
	}
	if e.source != nil && s.data == "" {
		if s.data, err = findOnRanks(ctx, world, e.source, w); err != nil {
			return err
		}
	}
	c, release, err := e.prepare(world, s)
	if err == nil {
		defer release()
	}
	if err := world.Agree(err); err != nil {
		return err
	}
	if err := shareCheckpoint(world, c.Checkpoint); err != nil {
		return err
	}
	ctx, c.Reduce = together(ctx, world)
	progress := newProgress(w, c)
	c.Progress = progress
	var search *compare.Search
	if s.grid {
		search, err = compare.SearchRates(ctx, c, e.gridSeeds)
	}
	if err == nil {
		err = c.Train(ctx)
	}
	progress.close()
	if world.Rank() == 0 {
		err = cmp.Or(e.save(s, c, search, w), err)
	}
	if err != nil {
		return failure{err}
	}
	return nil
}

// prepare checks everything that can be checked before the training, and creates the output folder.
// Until release is called, other demos cannot use the checkpoint and the output files.
func (e experiment) prepare(
	world *dist.World, s settings,
) (c *compare.Comparison, release func(), err error) {
	tasks, err := e.newTasks(s)
	if err != nil {
		return nil, nil, err
	}
	tasks, err = compare.Choose("task", tasks, s.tasks,
		func(t compare.Task) string { return t.Name })
	if err != nil {
		return nil, nil, errors.WithMessage(err, "--tasks")
	}
	for i := range tasks {
		tasks[i].Solvers = s.solvers
	}
	fingerprint := e.fingerprint(s)
	if n := world.Size(); n > 1 {
		fingerprint += fmt.Sprintf(" on %d ranks", n)
		if len(e.batches) == 0 {
			return nil, nil, errors.Errorf("demo %s has no batches to share among %d ranks: "+
				"start it without mpirun", e.name, n)
		}
		if err := divide(world, tasks); err != nil {
			return nil, nil, err
		}
		s.jobs = 1 // parallel runs would reach the exchanges in different orders on different ranks
	}
	closeOut := func() {}
	if world.Rank() == 0 {
		if closeOut, err = s.openOut(e.name, e.files(s)...); err != nil {
			return nil, nil, err
		}
	} else {
		s.checkpoint = ""
	}
	checkpoint, err := compare.OpenCheckpoint(s.checkpoint, fingerprint, s.resume)
	if err != nil {
		closeOut()
		return nil, nil, errors.WithMessage(err, "--checkpoint")
	}
	c = &compare.Comparison{
		Tasks: tasks, Seeds: compare.Seeds(s.seed, s.seeds), Jobs: s.jobs, Checkpoint: checkpoint,
	}
	return c, func() { checkpoint.Close(); closeOut() }, nil
}

// save writes the CSV file, prints the results and draws the figures. If a file cannot be written,
// save still writes the others. search is nil without --grid.
func (e experiment) save(
	s settings, c *compare.Comparison, search *compare.Search, w io.Writer,
) error {
	if !c.HasEpochs() {
		fmt.Fprintln(w, "\nNo run completed an epoch, so no results were written.")
		return nil
	}
	files := e.files(s)
	err := c.WriteCSV(files[0])
	fmt.Fprintln(w)
	if search != nil {
		fmt.Fprint(w, search.Report())
	}
	fmt.Fprint(w, e.report(s, c))
	panels := c.Panels(e.unit, e.measures...)
	for _, path := range files[1:] {
		err = cmp.Or(err, figure.Save(path, panels...))
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "Wrote %s.\n", strings.Join(files, ", "))
	return nil
}

// files returns the paths of the files that the experiment writes: the CSV file, then the figures.
func (e experiment) files(s settings) []string {
	base := filepath.Join(s.out, e.name)
	return []string{base + ".csv", base + ".png", base + ".svg"}
}
