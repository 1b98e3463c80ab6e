package stress

import (
	"cmp"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/l4-go/l4/internal/experiment/figure"
)

// Files returns the paths of what Save writes.
func Files(folder, name string) []string {
	path := filepath.Join(folder, name)
	return []string{path + "-tasks.csv", path + ".md", path + ".png", path + ".svg"}
}

// Save writes the report to files in a folder: NAME-tasks.csv with the table of the tasks, NAME.md
// with all tables, and the figure as NAME.png and NAME.svg. The text is put before the tables. It
// writes all that it can, and returns the first error.
func (r *Report) Save(folder, name, text string) error {
	files := Files(folder, name)
	markdown := func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s\n%s\n%s\n%s\n%s", text, Markdown(r.Summary(), 1), Notes,
			Markdown(r.Table(), 2), Markdown(r.Titles(), 2))
		return err
	}
	return cmp.Or(figure.WriteCSV(files[0], r.Table()), figure.WriteFile(files[1], markdown),
		r.Draw(files[2]), r.Draw(files[3]))
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
