package stress

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/l4-go/l4/internal/experiment/figure"
)

// Save writes the report to files in a folder: NAME.md with all tables, NAME-tasks.csv with the
// table of the tasks, and the figure as NAME.png and NAME.svg. The text is put before the tables.
func (r *Report) Save(folder, name, text string) error {
	path := filepath.Join(folder, name)
	write := func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s\n%s\n%s\n%s\n%s", text, Markdown(r.Summary(), 1), Notes,
			Markdown(r.Table(), 2), Markdown(r.Titles(), 2))
		return err
	}
	if err := figure.WriteFile(path+".md", write); err != nil {
		return err
	}
	if err := figure.WriteCSV(path+"-tasks.csv", r.Table()); err != nil {
		return err
	}
	for _, ext := range []string{".png", ".svg"} {
		if err := r.Draw(path + ext); err != nil {
			return err
		}
	}
	return nil
}

// Markdown returns rows as a table, the first as its header, with so many columns to the left and
// the others to the right.
func Markdown(rows [][]string, left int) string {
	var b strings.Builder
	for i, row := range rows {
		b.WriteString("| " + strings.Join(row, " | ") + " |\n")
		if i == 0 {
			b.WriteString("|" + strings.Repeat(" --- |", left) +
				strings.Repeat(" ---: |", len(row)-left) + "\n")
		}
	}
	return b.String()
}
