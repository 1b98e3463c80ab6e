package figure

import (
	"encoding/csv"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pkg/errors"
	"io"
)

// TestSave draws curves that a logarithmic axis finds hard: zeros, infinities, one point, none, a constant.
func TestSave(t *testing.T) {
	for name, curves := range map[string][]Curve{
		"ordinary":  {{Name: "a", X: []float64{1, 2, 3}, Y: []float64{1, 1e-5, 1e-12}}},
		"band":      {{Name: "a", X: []float64{1, 2}, Y: []float64{1, 2}, Low: []float64{0, 1}, Up: []float64{2, 3}}},
		"zeros":     {{Name: "a", X: []float64{1, 2, 3}, Y: []float64{1, 0, 0}}},
		"nothing":   {{Name: "a"}},
		"all zero":  {{Name: "a", X: []float64{1, 2}, Y: []float64{0, 0}}},
		"infinite":  {{Name: "a", X: []float64{1, 2}, Y: []float64{math.Inf(1), math.NaN()}}},
		"constant":  {{Name: "a", X: []float64{1, 2}, Y: []float64{3, 3}}},
		"one point": {{Name: "a", X: []float64{1}, Y: []float64{3}}},
		"no curve":  nil,
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			row := []Panel{{Title: "left", Curves: curves}, {Title: "right", Curves: curves}}
			for _, ext := range []string{".png", ".svg"} {
				if err := Save(filepath.Join(dir, "f"+ext), row, row); err != nil {
					t.Fatal(err)
				}
			}
			f, err := os.Open(filepath.Join(dir, "f.png"))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if _, err := png.Decode(f); err != nil {
				t.Error(err)
			}
			if data, _ := os.ReadFile(filepath.Join(dir, "f.svg")); !strings.Contains(string(data), "</svg>") {
				t.Error("the SVG is not whole")
			}
		})
	}
	if err := Save(filepath.Join(t.TempDir(), "f.gif"), []Panel{{}}); err == nil {
		t.Error("an unknown format is no error")
	}
}

func TestWriteFileIsAtomic(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := WriteCSV(path, [][]string{{"a", "b"}, {"1", "2,3"}}); err != nil {
		t.Fatal(err)
	}
	err := WriteFile(path, func(w io.Writer) error {
		io.WriteString(w, "half")
		return errors.New("as told")
	})
	if err == nil {
		t.Error("no error")
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if rows, err := csv.NewReader(f).ReadAll(); err != nil || len(rows) != 2 || rows[1][1] != "2,3" {
		t.Errorf("%v, %v: the failed write has touched the file", rows, err)
	}
	if files, _ := os.ReadDir(filepath.Dir(path)); len(files) != 1 {
		t.Errorf("%d files left", len(files))
	}
}

func TestTable(t *testing.T) {
	got := Table([][]string{{"name", "n"}, {"größe", "10"}})
	if want := "name    n\ngröße  10\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
