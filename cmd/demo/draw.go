package main

import (
	"encoding/csv"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/pkg/errors"
	"github.com/spf13/cobra"

	"github.com/l4-go/l4/internal/experiment/figure"
	"github.com/l4-go/l4/internal/experiment/train"
)

// drawCommand returns the command that draws figures of what experiments have written.
func drawCommand() *cobra.Command {
	var out string
	c := &cobra.Command{
		Use: "draw file.csv ...", Args: cobra.MinimumNArgs(1),
		Short: "Draw the figures of CSV files again",
		Long: "Draw, of each CSV file that an experiment has written, the figure that belongs to " +
			"it, as a PNG of the same name.\nThe name of a file begins with that of its experiment, " +
			"as in mnist.csv and mnist-full.csv.",
		Example: "  demo draw --out docs docs/data/mnist.csv",
		RunE: func(_ *cobra.Command, paths []string) error {
			for _, path := range paths {
				if err := draw(path, out); err != nil {
					return errors.WithMessage(err, path)
				}
			}
			return nil
		},
	}
	c.Flags().StringVar(&out, "out", "out", "`folder` for the figures, made if it does not exist")
	return c
}

func draw(path, out string) error {
	base := strings.TrimSuffix(filepath.Base(path), ".csv")
	name, _, _ := strings.Cut(base, "-")
	of := func(e func() experiment) bool { return e().name == name }
	i := slices.IndexFunc(experiments, of)
	if i < 0 {
		return errors.Errorf("no experiment %q: want a file whose name begins with one", name)
	}
	f, err := figure.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	j, err := readCSV(f)
	if err != nil {
		return err
	}
	j.experiment = experiments[i]()
	path = filepath.Join(out, base+".png")
	release, err := openOut(out, base, path)
	if err != nil {
		return err
	}
	defer release()
	return figure.Save(path, j.panels()...)
}

// readCSV returns a job with the results that a file of the form of job.csv holds.
func readCSV(r io.Reader) (*job, error) {
	rows, err := csv.NewReader(r).ReadAll()
	if err != nil {
		return nil, err
	}
	if len(rows) < 2 || !slices.Equal(rows[0], columns) {
		return nil, errors.Errorf("want rows with the columns %s", strings.Join(columns, ", "))
	}
	j := &job{results: map[runID]result{}}
	for i, row := range rows[1:] {
		if err := j.addRow(row); err != nil {
			return nil, errors.WithMessagef(err, "row %d", i+2)
		}
	}
	seed := func(a, b runID) int { return int(a.Seed) - int(b.Seed) }
	j.seed = slices.MinFunc(j.runs, seed).Seed
	j.restarts = int(slices.MaxFunc(j.runs, seed).Seed-j.seed) + 1
	return j, nil
}

// addRow adds the record of a row, the next of its run.
func (j *job) addRow(row []string) error {
	cell := func(column string) string { return row[slices.Index(columns, column)] }
	var err error
	number := func(column string, most float64) float64 {
		x, parseErr := strconv.ParseFloat(cell(column), 64)
		if err == nil && (parseErr != nil || !(x <= most)) {
			err = errors.Errorf("%s: %q is no number up to %v", column, cell(column), most)
		}
		return x
	}
	count := func(column string) int {
		x := number(column, maxCount)
		if err == nil && (x < 1 || x != math.Trunc(x)) {
			err = errors.Errorf("%s: %q is no whole number from 1 on", column, cell(column))
		}
		return int(max(1, min(x, maxCount)))
	}
	const any = 1e300
	record := train.Record{
		Epoch: count("epoch"), Loss: number("loss", any), LastLoss: number("last_loss", any),
		LearnRate: number("learn_rate", any), Accuracy: math.NaN(),
	}
	if cell("test_accuracy") != "" {
		record.Accuracy = number("test_accuracy", 1)
	}
	id := runID{cell("variant"), solverSpec{cell("solver"), number("value", any)},
		uint64(number("seed", 1e9))}
	steps := count("step")
	if err != nil {
		return err
	}
	if _, ok := train.KindOf(id.Solver.Kind); !ok {
		return errors.Errorf("no solver %q", id.Solver.Kind)
	}
	known := j.results[id]
	if record.Epoch != len(known.Records)+1 {
		return errors.Errorf("epoch %d, want %d", record.Epoch, len(known.Records)+1)
	}
	if record.Epoch == 1 {
		j.runs = append(j.runs, id)
	}
	known.Run, known.Records = id, append(known.Records, record)
	j.results[id] = known
	j.addVariant(id, cell("title"), record.Epoch, steps/record.Epoch)
	return nil
}

// addVariant takes a run's epoch into the variants.
func (j *job) addVariant(id runID, title string, epoch, epochSteps int) {
	named := func(v variant) bool { return v.name == id.Variant }
	i := slices.IndexFunc(j.variants, named)
	if i < 0 {
		i = len(j.variants)
		j.variants = append(j.variants, variant{
			name: id.Variant, title: title, epochSteps: epochSteps,
		})
	}
	v := &j.variants[i]
	v.epochs = max(v.epochs, epoch)
	if !slices.Contains(v.solvers, id.Solver) {
		v.solvers = append(v.solvers, id.Solver)
	}
}
