package stress

import (
	"bytes"
	"encoding/csv"
	"io"
	"os"
	"slices"
	"strconv"

	"github.com/pkg/errors"

	"github.com/l4-go/l4/internal/experiment/figure"
)

// store is a CSV file of results.
type store struct {
	results map[runID]Result
	file    *os.File // nil if there is none
}

var columns = []string{"task", "solver", "seed", "untrained", "metric", "average", "first loss",
	"last loss", "ended", "seconds", "title"}

func (r *Result) record() []string {
	f := func(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
	return []string{r.Task, r.Solver, strconv.FormatUint(r.Seed, 10), f(r.Untrained), f(r.Metric),
		f(r.Average), f(r.FirstLoss), f(r.LastLoss), r.Ended,
		strconv.FormatFloat(r.Seconds, 'f', 2, 64), r.Title}
}

func parseResult(record []string) (r Result, err error) {
	if len(record) != len(columns) {
		return r, errors.Errorf("%d columns, want %d", len(record), len(columns))
	}
	r.Task, r.Solver, r.Ended, r.Title = record[0], record[1], record[8], record[10]
	if r.Seed, err = strconv.ParseUint(record[2], 10, 64); err != nil {
		return r, err
	}
	for column, to := range map[int]*float64{3: &r.Untrained, 4: &r.Metric, 5: &r.Average,
		6: &r.FirstLoss, 7: &r.LastLoss, 9: &r.Seconds} {
		if *to, err = strconv.ParseFloat(record[column], 64); err != nil {
			return r, err
		}
	}
	return r, nil
}

// openStore reads a file, if it exists, and makes it ready for more. What a crash left of a last
// line is cut off.
func openStore(path string) (*store, error) {
	s := &store{results: map[runID]Result{}}
	if path == "" {
		return s, nil
	}
	old, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	rows := [][]string{columns}
	if whole := old[:bytes.LastIndexByte(old, '\n')+1]; len(whole) > 0 {
		results, err := readResults(whole)
		if err != nil {
			return nil, errors.WithMessagef(err, "stress: %s: "+
				"want the file of an earlier comparison; name another or remove it", path)
		}
		for _, r := range results {
			s.results[r.id()] = r
			rows = append(rows, r.record())
		}
	}
	if err := figure.WriteCSV(path, rows); err != nil {
		return nil, err
	}
	s.file, err = os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	return s, err
}

// readResults parses a file's lines.
func readResults(data []byte) (results []Result, err error) {
	lines := csv.NewReader(bytes.NewReader(data))
	for {
		record, err := lines.Read()
		if err == io.EOF {
			return results, nil
		}
		if err != nil {
			return nil, err
		}
		line, _ := lines.FieldPos(0)
		if line == 1 {
			if !slices.Equal(record, columns) {
				return nil, errors.Errorf("its first line is %q", record)
			}
			continue
		}
		r, err := parseResult(record)
		if err != nil {
			return nil, errors.WithMessagef(err, "line %d", line)
		}
		results = append(results, r)
	}
}

// add appends a result to the file.
func (s *store) add(r Result) error {
	if s.file == nil {
		return nil
	}
	w := csv.NewWriter(s.file)
	if err := w.Write(r.record()); err != nil {
		return err
	}
	w.Flush()
	return w.Error()
}

func (s *store) close() {
	if s.file != nil {
		s.file.Close()
	}
}
