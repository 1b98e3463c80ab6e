package figure

import (
	"encoding/csv"
	"fmt"
	"image/color"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/pkg/errors"
	"gonum.org/v1/plot"
)

// TestSave draws curves that are difficult for a logarithmic axis: zeros, infinities, one point, no
// points, a constant.
func TestSave(t *testing.T) {
	for name, curves := range map[string][]Curve{
		"ordinary": {{Name: "a", X: []float64{1, 2, 3}, Y: []float64{1, 1e-5, 1e-12}}},
		"band": {{Name: "a", X: []float64{1, 2}, Y: []float64{1, 2}, Low: []float64{0, 1},
			Up: []float64{2, 3}}},
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
			data, _ := os.ReadFile(filepath.Join(dir, "f.svg"))
			if !strings.Contains(string(data), "</svg>") {
				t.Error("the SVG is not complete")
			}
		})
	}
	err := Save(filepath.Join(t.TempDir(), "f.gif"), []Panel{{}})
	if err == nil || !strings.Contains(err.Error(), "want .png or .svg") {
		t.Errorf("error %v", err)
	}
}

// TestLineStyle: a curve keeps its colour at any place in the list, and curves of the same colour
// have different dashes.
func TestLineStyle(t *testing.T) {
	red, blue := color.NRGBA{0xff, 0, 0, 0xff}, color.NRGBA{0, 0, 0xff, 0xff}
	var p Panel
	for _, c := range []color.NRGBA{red, blue, red, red, blue} {
		p.Curves = append(p.Curves, Curve{Color: c})
	}
	seen := map[string]bool{}
	for i, c := range p.Curves {
		style := p.lineStyle(i)
		if style.Color != c.Color {
			t.Errorf("curve %d is %v, want %v", i, style.Color, c.Color)
		}
		if first := i < 2; first != (style.Dashes == nil) {
			t.Errorf("curve %d has the dashes %v", i, style.Dashes)
		}
		key := fmt.Sprint(style.Color, style.Dashes)
		if seen[key] {
			t.Errorf("curve %d looks like another", i)
		}
		seen[key] = true
	}
	path := filepath.Join(t.TempDir(), "f.svg")
	teal := color.NRGBA{0x12, 0x34, 0x56, 0xff}
	curve := Curve{Name: "a", Color: teal, X: []float64{1, 2}, Y: []float64{1, 2}}
	if err := Save(path, []Panel{{Curves: []Curve{curve}}}); err != nil {
		t.Fatal(err)
	}
	if data, _ := os.ReadFile(path); !strings.Contains(string(data), "#123456") {
		t.Error("the curve's colour is not in the file")
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
	if rows, err := csv.NewReader(f).ReadAll(); err != nil || len(rows) != 2 ||
		rows[1][1] != "2,3" {
		t.Errorf("%v, %v: the failed write has touched the file", rows, err)
	}
	if files, _ := os.ReadDir(filepath.Dir(path)); len(files) != 1 {
		t.Errorf("%d files left", len(files))
	}
}

// TestWriteFileTogether: writers of one file do not disturb each other, and all users can read
// the file.
func TestWriteFileTogether(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	write := func(text string, meanwhile func()) error {
		return WriteFile(path, func(w io.Writer) error {
			meanwhile()
			_, err := io.WriteString(w, text)
			return err
		})
	}
	err := write("first", func() {
		if err := write("second", func() {}); err != nil {
			t.Error(err)
		}
		if data, _ := os.ReadFile(path); string(data) != "second" {
			t.Errorf("%q after the second writer", data)
		}
		if names, err := Leftovers(path); err != nil || len(names) != 1 {
			t.Errorf("%v, %v: want the first writer's file", names, err)
		}
	})
	if err != nil {
		t.Error(err)
	}
	if data, _ := os.ReadFile(path); string(data) != "first" {
		t.Errorf("%q after the first writer", data)
	}
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode() != 0o644 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// TestCheckWritable: a file that WriteFile could not write is an error. No file is left behind.
func TestCheckWritable(t *testing.T) {
	dir := t.TempDir()
	for path, want := range map[string]string{
		filepath.Join(dir, "f"):       "",
		dir:                           "is a folder",
		filepath.Join(dir, "no", "f"): "cannot write " + filepath.Join(dir, "no", "f"),
	} {
		err := CheckWritable(path)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", path, err, want)
		}
	}
	if files, _ := os.ReadDir(dir); len(files) != 0 {
		t.Errorf("left behind: %v", files)
	}
	if _, err := Leftovers(filepath.Join(dir, "no", "f")); err == nil {
		t.Error("no error for a folder that does not exist")
	}
}

// TestOpen: Open rejects files that are not regular, without waiting for them.
func TestOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if _, err := Open(path); !os.IsNotExist(err) {
		t.Errorf("nothing: error %v", err)
	}
	if err := os.WriteFile(path, []byte("content"), 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if data, err := io.ReadAll(f); err != nil || string(data) != "content" {
		t.Errorf("%q, %v", data, err)
	}
	for _, other := range []string{filepath.Dir(path), os.DevNull} {
		_, err := Open(other)
		if err == nil || !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("%s: error %v", other, err)
		}
	}
}

// TestLeftovers: Leftovers returns exactly the files that WriteFile can have left.
func TestLeftovers(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f.csv")
	for _, name := range []string{"f.csv", "f.csv.tmp", "f.csv.01.tmp", "f.csv.-1.tmp",
		"f.csv.99999999999999999999.tmp", "f.csv.a.tmp", "f.csv.1.tmp2", "g.csv.1.tmp",
		"f.csv.0.tmp", "f.csv.4294967295.tmp"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(path+".2.tmp", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(path, path+".3.tmp"); err != nil && runtime.GOOS != "windows" {
		t.Fatal(err)
	}
	want := []string{path + ".0.tmp", path + ".4294967295.tmp"}
	if got, err := Leftovers(path); err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
}

// TestTicks checks the labels of the axes.
func TestTicks(t *testing.T) {
	labels := func(ticks []plot.Tick) string {
		var text []string
		for _, tick := range ticks {
			if tick.Label != "" {
				text = append(text, tick.Label)
			}
		}
		return strings.Join(text, " ")
	}
	for _, c := range []struct {
		marker    plot.Ticker
		low, high float64
		want      string
	}{
		{evenly{}, 1, 4, "1 2 3 4"},
		{evenly{}, 1, 30, "5 10 15 20 25 30"},
		{evenly{}, 100, 30000, "5000 10000 15000 20000 25000 30000"},
		{decades{}, 0.1, 1, "0.1 0.2 0.5 1"},
		{decades{}, 1e-9, 1, "1e-08 1e-06 0.0001 0.01 1"},
	} {
		if got := labels(c.marker.Ticks(c.low, c.high)); got != c.want {
			t.Errorf("%T from %v to %v: %q, want %q", c.marker, c.low, c.high, got, c.want)
		}
	}
}

func TestTable(t *testing.T) {
	got := Table([][]string{{"name", "n"}, {"a heading"}, {"größe", "10"}})
	if want := "name    n\na heading\ngröße  10\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
