package compare

import (
	"io"
	"slices"

	"github.com/pkg/errors"
)

// epochRow is a row of the CSV file of a comparison. It holds one epoch of a run.
type epochRow struct {
	Run
	Epoch
	step  int
	title string
}

var epochFields Fields[epochRow] = func(r *Row, x *epochRow) {
	const most = 1e300
	r.Text("variant", &x.Task)
	r.Text("solver", &x.Solver.Name)
	r.Float("value", &x.Solver.Number, 0, most)
	r.Seed("seed", &x.Seed)
	r.Count("epoch", &x.Number, 1)
	r.Float("loss", &x.Loss, -most, most)
	r.Float("last_loss", &x.LastLoss, -most, most)
	r.Float("learn_rate", &x.LearnRate, 0, most)
	r.Optional("test_accuracy", &x.Metric, 0, 1)
	r.Seconds("seconds", &x.Time, -1)
	r.Seconds("step_seconds", &x.StepTime, -1)
	r.Count("step", &x.step, 1)
	r.Text("title", &x.title)
}

// WriteCSV writes the epochs of all runs.
func (c *Comparison) WriteCSV(path string) error {
	var rows []epochRow
	for _, r := range c.runs {
		t := c.Task(r)
		for _, e := range c.results[r].Epochs {
			rows = append(rows, epochRow{r, e, e.Number * t.EpochSteps, t.Title})
		}
	}
	return epochFields.Write(path, rows)
}

// ReadCSV returns the comparison in a file that WriteCSV has written.
func ReadCSV(from io.Reader) (*Comparison, error) {
	rows, err := epochFields.Read(from)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, errors.New("the file has no rows below its header: name a file with results")
	}
	c := &Comparison{results: map[Run]Result{}}
	for i, row := range rows {
		if err := c.add(row); err != nil {
			return nil, errors.WithMessagef(err, "row %d", i+2)
		}
	}
	slices.Sort(c.Seeds)
	return c, nil
}

// add adds a row, which must be the next epoch of its run.
func (c *Comparison) add(row epochRow) error {
	if row.Solver.Solver().Name == "" {
		return errors.Errorf("unknown solver %q", row.Solver.Name)
	}
	known := c.results[row.Run]
	if want := len(known.Epochs) + 1; row.Number != want {
		return errors.Errorf("the epoch of the run is %d, want %d", row.Number, want)
	}
	if row.Number == 1 {
		c.runs = append(c.runs, row.Run)
	}
	c.results[row.Run] = Result{Run: row.Run, Epochs: append(known.Epochs, row.Epoch)}
	if !slices.Contains(c.Seeds, row.Seed) {
		c.Seeds = append(c.Seeds, row.Seed)
	}
	named := func(t Task) bool { return t.Name == row.Task }
	i := slices.IndexFunc(c.Tasks, named)
	if i < 0 {
		i = len(c.Tasks)
		c.Tasks = append(c.Tasks, Task{
			Name: row.Task, Title: row.title, EpochSteps: row.step / row.Number,
		})
	}
	t := &c.Tasks[i]
	t.Epochs = max(t.Epochs, row.Number)
	if !slices.Contains(t.Solvers, row.Solver) {
		t.Solvers = append(t.Solvers, row.Solver)
	}
	return nil
}
