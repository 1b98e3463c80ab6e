package compare

import (
	"bytes"
	"encoding/csv"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/pkg/errors"

	"github.com/l4-go/l4/internal/experiment/figure"
)

// Fields describes a CSV file: a header with the names of the columns, and one row for each T.
type Fields[T any] func(r *Row, x *T)

// row returns the row of x, with the names of its columns.
func (f Fields[T]) row(x T) (r Row) {
	f(&r, &x)
	return r
}

// columns returns the names of the columns.
func (f Fields[T]) columns() []string { return f.row(*new(T)).columns }

// Write writes a file with one row for each element of xs.
func (f Fields[T]) Write(path string, xs []T) error {
	rows := [][]string{f.columns()}
	for _, x := range xs {
		rows = append(rows, f.row(x).cells)
	}
	return figure.WriteCSV(path, rows)
}

// Read reads a file that Write has written. Errors name the line.
func (f Fields[T]) Read(from io.Reader) (xs []T, err error) {
	lines := csv.NewReader(from)
	header, err := lines.Read()
	if columns := f.columns(); err != nil || !slices.Equal(header, columns) {
		return nil, errors.Errorf("the header is %q, want %q", strings.Join(header, ","),
			strings.Join(columns, ","))
	}
	for {
		cells, err := lines.Read()
		if err == io.EOF {
			return xs, nil
		}
		if err != nil {
			return nil, err
		}
		var x T
		r := Row{reading: true, cells: cells}
		if f(&r, &x); r.err != nil {
			line, _ := lines.FieldPos(0)
			return nil, errors.WithMessagef(r.err, "line %d", line)
		}
		xs = append(xs, x)
	}
}

// Store is a CSV file of results. New results are appended, so that an interrupted comparison can
// be resumed.
type Store[T any] struct {
	fields Fields[T]
	file   *os.File // nil without a file
}

// Open returns the results in a file, and a Store that appends to the file. The file is created if
// it does not exist. An incomplete last line, left by a crash, is removed. With an empty path the
// Store has no file and stores nothing.
func (f Fields[T]) Open(path string) (earlier []T, s *Store[T], err error) {
	s = &Store[T]{fields: f}
	if path == "" {
		return nil, s, nil
	}
	old, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		return nil, nil, err
	}
	if complete := old[:bytes.LastIndexByte(old, '\n')+1]; len(complete) > 0 {
		if earlier, err = f.Read(bytes.NewReader(complete)); err != nil {
			return nil, nil, errors.Errorf("compare: %s is not the file of an earlier comparison "+
				"(%v): name another folder, or remove the file", path, err)
		}
	}
	if err := f.Write(path, earlier); err != nil {
		return nil, nil, err
	}
	s.file, err = os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	return earlier, s, err
}

// Add appends a result.
func (s *Store[T]) Add(x T) error {
	if s.file == nil {
		return nil
	}
	w := csv.NewWriter(s.file)
	if err := w.Write(s.fields.row(x).cells); err != nil {
		return err
	}
	w.Flush()
	return w.Error()
}

// Close closes the file.
func (s *Store[T]) Close() {
	if s.file != nil {
		s.file.Close()
	}
}
