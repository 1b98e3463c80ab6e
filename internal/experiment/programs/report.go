package programs

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"gonum.org/v1/gonum/stat"

	"github.com/l4-go/l4/internal/experiment/compare"
	"github.com/l4-go/l4/internal/experiment/figure"
)

// Standing compares a solver's results on a program with the results of the author's solver.
type Standing string

// A solver is Worse if its mean over the seeds is worse than the author's worst seed, Better if its
// mean is better than the author's best seed, and Level otherwise.
const (
	Worse  Standing = "worse"
	Level  Standing = "level"
	Better Standing = "better"
)

// Summary sums up a solver's runs of a program.
type Summary struct {
	Program Program
	Solver  compare.Choice

	Mean, Worst, Best float64 // metric over the seeds; NaN, the worst, for a run without metric
	Runs, Successes   int
	Steps, Rejected   int
	Time              time.Duration // mean over the runs
	Standing          Standing      // empty unless the author's solver has several runs
}

// Summarise sums up the results, which must be in the order that Run returns.
func Summarise(results []Result) []Summary {
	var all []Summary
	author := map[string]Summary{}
	for len(results) > 0 {
		first := results[0]
		n := slices.IndexFunc(results, func(r Result) bool {
			return r.Program.Name != first.Program.Name || r.Solver != first.Solver
		})
		if n < 0 {
			n = len(results)
		}
		s := summarise(results[:n])
		if s.Solver == AuthorsSolver {
			author[s.Program.Name] = s
		} else if a, ok := author[s.Program.Name]; ok && a.Runs > 1 {
			s.Standing = s.standing(a)
		}
		all, results = append(all, s), results[n:]
	}
	return all
}

func summarise(runs []Result) Summary {
	s := Summary{Program: runs[0].Program, Solver: runs[0].Solver, Runs: len(runs)}
	var metrics []float64
	for _, r := range runs {
		metrics = append(metrics, r.Metric)
		if r.Success() {
			s.Successes++
		}
		s.Steps += r.Steps
		s.Rejected += r.Rejected
		s.Time += r.Time / time.Duration(len(runs))
	}
	s.Mean, s.Worst, s.Best = stat.Mean(metrics, nil), metrics[0], metrics[0]
	for _, x := range metrics {
		if s.Program.Metric.Better(x, s.Best) {
			s.Best = x
		}
		if s.Program.Metric.Better(s.Worst, x) {
			s.Worst = x
		}
	}
	return s
}

// standing compares the mean with the best and the worst of the author's runs.
func (s Summary) standing(author Summary) Standing {
	switch m := s.Program.Metric; {
	case m.Better(author.Worst, s.Mean):
		return Worse
	case m.Better(s.Mean, author.Best):
		return Better
	}
	return Level
}

const tableNotes = `Final metric: the mean over the seeds, then the worst and the best seed.
Success: the number of runs that reach the program's limit for success.
Compared with author: "worse" if the mean is worse than the author's worst seed, "better" if the
mean is better than the author's best seed, and "level" otherwise.
Rejected: the share of steps for which Step returned an error. The programs ignore these errors.
`

// Table returns the summaries as text, with notes and a verdict.
func Table(all []Summary) string {
	rows := [][]string{
		{"", "final metric", "success", "compared with author", "rejected", "seconds"},
	}
	for i, s := range all {
		if i == 0 || s.Program.Name != all[i-1].Program.Name {
			rows = append(rows, []string{s.Program.heading()})
		}
		rows = append(rows, s.row())
	}
	return figure.Table(rows) + "\n" + tableNotes + "\n" + verdict(all)
}

func (p Program) heading() string {
	direction, bound := "lower", "up to"
	if p.Metric.Higher {
		direction, bound = "higher", "from"
	}
	return fmt.Sprintf("%s (%s): %s, %s is better, success %s %g",
		p.Title, p.Name, p.Metric.Name, direction, bound, p.Metric.Good)
}

func (s Summary) row() []string {
	title := solverTitle(s.Program, s.Solver)
	if s.Solver == AuthorsSolver {
		title = "author's, " + title
	}
	metric, rejected := fmt.Sprintf("%.4g", s.Mean), "-"
	if s.Runs > 1 {
		metric += fmt.Sprintf(" (%.4g, %.4g)", s.Worst, s.Best)
	}
	if s.Rejected > 0 {
		rejected = fmt.Sprintf("%.1f %%", 100*float64(s.Rejected)/float64(s.Steps))
	}
	return []string{
		"  " + title, metric,
		fmt.Sprintf("%d of %d", s.Successes, s.Runs), string(s.Standing), rejected,
		fmt.Sprintf("%.1f", s.Time.Seconds()),
	}
}

// solverTitle returns the title of a solver in a program's rows.
func solverTitle(p Program, solver compare.Choice) string {
	if solver == AuthorsSolver {
		return p.Author.Title
	}
	return solver.Short()
}

// verdict counts, for each solver except the author's, the programs in which the solver is level or
// better.
func verdict(all []Summary) string {
	var b strings.Builder
	var solvers compare.Choices
	for _, s := range all {
		if s.Solver != AuthorsSolver && !slices.Contains(solvers, s.Solver) {
			solvers = append(solvers, s.Solver)
		}
	}
	for _, solver := range solvers {
		level, programs, successes, runs := 0, 0, 0, 0
		var worse []string
		for _, s := range all {
			if s.Solver != solver || s.Standing == "" || s.Program.Elusive {
				continue
			}
			programs++
			successes += s.Successes
			runs += s.Runs
			if s.Standing == Worse {
				worse = append(worse, s.Program.Name)
			} else {
				level++
			}
		}
		if programs == 0 {
			continue
		}
		fmt.Fprintf(&b, "%s is level or better in %d of %d programs whose loss measures progress. "+
			"%d of %d runs succeed.", solver.Short(), level, programs, successes, runs)
		if len(worse) > 0 {
			fmt.Fprintf(&b, "\n  Worse in %s.", strings.Join(worse, ", "))
		}
		b.WriteString("\n")
	}
	return b.String()
}

// resultFields describes a row of the CSV file.
var resultFields compare.Fields[Result] = func(row *compare.Row, r *Result) {
	solver, success := solverTitle(r.Program, r.Solver), r.Success()
	text := func(name string, err error) {
		s := ""
		if err != nil {
			s = err.Error()
		}
		row.Text(name, &s)
	}
	row.Text("program", &r.Program.Name)
	row.Text("solver", &solver)
	row.Seed("seed", &r.Seed)
	row.Text("metric", &r.Program.Metric.Name)
	row.Optional("value", &r.Metric, math.Inf(-1), math.Inf(1))
	row.Flag("success", &success)
	row.Count("steps", &r.Steps, 0)
	row.Count("rejected", &r.Rejected, 0)
	text("first rejection", r.Rejection)
	text("error", r.Err)
	row.Seconds("seconds", &r.Time, 2)
}

// WriteCSV writes a row for each run.
func WriteCSV(path string, results []Result) error { return resultFields.Write(path, results) }
