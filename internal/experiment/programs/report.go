package programs

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"gonum.org/v1/gonum/stat"

	"github.com/l4-go/l4/internal/experiment/figure"
)

// Standing is how a solver did on a program beside its author's solver.
type Standing string

// A solver's mean over the seeds is worse than the author's worst seed, better than the best, or
// between the two.
const (
	Worse  Standing = "worse"
	Level  Standing = "level"
	Better Standing = "better"
)

// Summary sums up a solver's runs of a program.
type Summary struct {
	Program Program
	Solver  Solver

	Mean, Worst, Best float64 // of the metric, over the seeds; NaN if a run has none
	Runs, Successes   int
	Steps, Refused    int
	Time              time.Duration // of a run, on average
	Standing          Standing      // empty without several runs of the author's solver
}

// Summarise sums up results in the order of Run.
func Summarise(results []Result) []Summary {
	var all []Summary
	author := map[string]Summary{}
	for len(results) > 0 {
		first := results[0]
		n := slices.IndexFunc(results, func(r Result) bool {
			return r.Program.Name != first.Program.Name || r.Solver.Name != first.Solver.Name
		})
		if n < 0 {
			n = len(results)
		}
		s := summarise(results[:n])
		if s.Solver.Name == Solvers[0].Name {
			author[s.Program.Name] = s
		} else if a, ok := author[s.Program.Name]; ok && a.Runs > 1 {
			s.Standing = s.beside(a)
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
		s.Refused += r.Refused
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

// beside compares the mean with the spread of the author's runs.
func (s Summary) beside(author Summary) Standing {
	switch m := s.Program.Metric; {
	case m.Better(author.Worst, s.Mean):
		return Worse
	case m.Better(s.Mean, author.Best):
		return Better
	}
	return Level
}

const tableNotes = `Final metric: mean over the seeds, with the worst and the best.
Success: runs that reach what the program asks for.
Beside the author's: a mean worse than the author's worst seed is worse, one better than the best
is better.
Refused: the share of steps for which Step returned an error, which the programs do not look at.
`

// Table returns the summaries as text, with a verdict.
func Table(all []Summary) string {
	rows := [][]string{{"", "final metric", "success", "beside the author's", "refused", "seconds"}}
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
	text := fmt.Sprintf("%s (%s): %s, %s is better, success %s %g",
		p.Title, p.Name, p.Metric.Name, direction, bound, p.Metric.Good)
	if p.Unseeded {
		text += ", not the same each time"
	}
	return text
}

func (s Summary) row() []string {
	title := s.Solver.Title
	if s.Solver.Name == Solvers[0].Name {
		title += ", " + s.Program.Author.Title
	}
	metric, refused := fmt.Sprintf("%.4g", s.Mean), "-"
	if s.Runs > 1 {
		metric += fmt.Sprintf(" (%.4g, %.4g)", s.Worst, s.Best)
	}
	if s.Refused > 0 {
		refused = fmt.Sprintf("%.1f %%", 100*float64(s.Refused)/float64(s.Steps))
	}
	return []string{
		"  " + title, metric,
		fmt.Sprintf("%d of %d", s.Successes, s.Runs), string(s.Standing), refused,
		fmt.Sprintf("%.1f", s.Time.Seconds()),
	}
}

// verdict counts, for each solver but the author's, where it is level or better.
func verdict(all []Summary) string {
	var b strings.Builder
	for _, solver := range Solvers[1:] {
		level, programs, successes, runs := 0, 0, 0, 0
		var worse []string
		for _, s := range all {
			if s.Solver.Name != solver.Name || s.Standing == "" || s.Program.Elusive {
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
			"%d of %d runs succeed.", solver.Title, level, programs, successes, runs)
		if len(worse) > 0 {
			fmt.Fprintf(&b, "\n  Worse in %s.", strings.Join(worse, ", "))
		}
		b.WriteString("\n")
	}
	return b.String()
}

// Rows returns a row for each run, below one of titles.
func Rows(results []Result) [][]string {
	rows := [][]string{{"program", "solver", "seed", "metric", "value", "success",
		"steps", "refused", "first refusal", "error", "seconds"}}
	text := func(err error) string {
		if err == nil {
			return ""
		}
		return err.Error()
	}
	for _, r := range results {
		solver := r.Solver.Title
		if r.Solver.Name == Solvers[0].Name {
			solver = r.Program.Author.Title
		}
		value := strconv.FormatFloat(r.Metric, 'g', -1, 64)
		if math.IsNaN(r.Metric) {
			value = ""
		}
		rows = append(rows, []string{
			r.Program.Name, solver, strconv.FormatUint(r.Seed, 10),
			r.Program.Metric.Name, value, strconv.FormatBool(r.Success()),
			strconv.Itoa(r.Steps), strconv.Itoa(r.Refused), text(r.Refusal), text(r.Err),
			strconv.FormatFloat(r.Time.Seconds(), 'f', 2, 64),
		})
	}
	return rows
}
