package compare

import (
	"math"
	"strconv"
	"time"

	"github.com/pkg/errors"
)

// Row is a row of a CSV file that is either written or read. A function describes the row once for
// both: it calls a method of Row for each column, in order.
type Row struct {
	reading bool
	columns []string // so far
	cells   []string
	err     error // the first error
}

// MaxCount is the largest count in a flag or a CSV file. Its product with the number of steps of an
// epoch fits in 64 bits.
const MaxCount = 1_000_000_000

// column either writes the text of a cell or reads the cell.
func (r *Row) column(name, text string, read func(text string) error) {
	r.columns = append(r.columns, name)
	if !r.reading {
		r.cells = append(r.cells, text)
	} else if r.err == nil {
		r.err = errors.WithMessage(read(r.cells[len(r.columns)-1]), name)
	}
}

// Text is a column of any text.
func (r *Row) Text(name string, s *string) {
	r.column(name, *s, func(text string) error { *s = text; return nil })
}

// Any is a column of numbers without a range check; callers must handle NaN.
func (r *Row) Any(name string, x *float64) {
	r.column(name, format(*x), func(text string) (err error) {
		*x, err = strconv.ParseFloat(text, 64)
		return err
	})
}

// Float is a column of numbers from lo to hi. NaN is an error.
func (r *Row) Float(name string, x *float64, lo, hi float64) {
	r.column(name, format(*x), func(text string) (err error) {
		*x, err = parseFloat(text, lo, hi)
		return err
	})
}

// Optional is a column like Float, but an empty cell is NaN.
func (r *Row) Optional(name string, x *float64, lo, hi float64) {
	text := ""
	if !math.IsNaN(*x) {
		text = format(*x)
	}
	r.column(name, text, func(text string) (err error) {
		if *x = math.NaN(); text != "" {
			*x, err = parseFloat(text, lo, hi)
		}
		return err
	})
}

// Count is a column of integers from lo to MaxCount.
func (r *Row) Count(name string, n *int, lo int) {
	r.column(name, strconv.Itoa(*n), func(text string) (err error) {
		if *n, err = strconv.Atoi(text); err != nil || *n < lo || *n > MaxCount {
			return errors.Errorf("%q: want an integer from %d to %d", text, lo, MaxCount)
		}
		return nil
	})
}

// Seed is a column of unsigned integers.
func (r *Row) Seed(name string, seed *uint64) {
	r.column(name, strconv.FormatUint(*seed, 10), func(text string) (err error) {
		*seed, err = strconv.ParseUint(text, 10, 64)
		return err
	})
}

// Flag is a column of true and false.
func (r *Row) Flag(name string, on *bool) {
	r.column(name, strconv.FormatBool(*on), func(text string) (err error) {
		*on, err = strconv.ParseBool(text)
		return err
	})
}

// Seconds is a column of times in seconds, with the given number of decimals; -1 writes all
// decimals.
func (r *Row) Seconds(name string, d *time.Duration, decimals int) {
	text := strconv.FormatFloat(d.Seconds(), 'f', decimals, 64)
	r.column(name, text, func(text string) error {
		s, err := parseFloat(text, 0, MaxCount)
		*d = time.Duration(math.Round(s * float64(time.Second)))
		return err
	})
}

func format(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }

func parseFloat(text string, lo, hi float64) (float64, error) {
	x, err := strconv.ParseFloat(text, 64)
	if err != nil || !(lo <= x && x <= hi) {
		return 0, errors.Errorf("%q: want a number from %v to %v", text, lo, hi)
	}
	return x, nil
}
