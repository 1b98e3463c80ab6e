package stress

import (
	"cmp"
	"fmt"
	"io"
	"path/filepath"

	"github.com/l4-go/l4/internal/experiment/figure"
)

// Files returns the paths of the files that Save writes.
func Files(folder, name string) []string {
	path := filepath.Join(folder, name)
	return []string{path + "-tasks.csv", path + ".md", path + ".png", path + ".svg"}
}

// Save writes the report to files in a folder: NAME-tasks.csv with the table of the tasks, NAME.md
// with text and all tables, and the figure as NAME.png and NAME.svg. If a file cannot be written,
// Save still writes the others, and returns the first error.
func (r *Report) Save(folder, name, text string) error {
	files := Files(folder, name)
	markdown := func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s\n%s\n%s\n%s\n%s", text, figure.Markdown(r.Summary(), 1), Notes,
			figure.Markdown(r.Table(), 2), figure.Markdown(r.Titles(), 2))
		return err
	}
	return cmp.Or(figure.WriteCSV(files[0], r.Table()), figure.WriteFile(files[1], markdown),
		r.Draw(files[2]), r.Draw(files[3]))
}
