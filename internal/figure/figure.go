// Package figure draws curves and writes them as CSV. It knows nothing of what they mean.
package figure

import (
	"encoding/csv"
	"image/color"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/pkg/errors"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Curve is a line with an optional band around it.
type Curve struct {
	Name    string
	X, Y    []float64
	Low, Up []float64 // the band's edges, or nil
}

// Panel is a diagram with a logarithmic y-axis.
type Panel struct {
	Title, X, Y string
	Curves      []Curve
}

// palette is Okabe and Ito's, which colour-blind readers can tell apart.
var palette = []color.NRGBA{
	{0x00, 0x72, 0xb2, 0xff}, {0xd5, 0x5e, 0x00, 0xff}, {0x00, 0x9e, 0x73, 0xff},
	{0xcc, 0x79, 0xa7, 0xff}, {0xe6, 0x9f, 0x00, 0xff}, {0x56, 0xb4, 0xe9, 0xff}, {0, 0, 0, 0xff},
}

const (
	width  = 10 * vg.Inch
	height = 4.5 * vg.Inch
)

// Save draws panels side by side to a file whose name ends in .png or .svg.
func Save(path string, panels ...Panel) error {
	plots := make([]*plot.Plot, len(panels))
	for i, p := range panels {
		drawn, err := p.plot()
		if err != nil {
			return errors.WithMessage(err, p.Title)
		}
		plots[i] = drawn
	}
	var canvas vg.CanvasWriterTo
	switch ext := filepath.Ext(path); ext {
	case ".png":
		canvas = vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(width, height), vgimg.UseDPI(150))}
	case ".svg":
		canvas = vgsvg.New(width, height)
	default:
		return errors.Errorf("figure: no format %q", ext)
	}
	tiles := draw.Tiles{Rows: 1, Cols: len(plots), PadX: vg.Millimeter * 6, PadTop: vg.Millimeter * 2, PadBottom: vg.Millimeter * 2, PadLeft: vg.Millimeter * 2, PadRight: vg.Millimeter * 4}
	for i, c := range plot.Align([][]*plot.Plot{plots}, tiles, draw.New(canvas))[0] {
		plots[i].Draw(c)
	}
	return WriteFile(path, func(w io.Writer) error {
		_, err := canvas.WriteTo(w)
		return err
	})
}

func (p Panel) plot() (*plot.Plot, error) {
	d := plot.New()
	d.Title.Text, d.X.Label.Text, d.Y.Label.Text = p.Title, p.X, p.Y
	for _, s := range []*font.Font{&d.Title.TextStyle.Font, &d.X.Label.TextStyle.Font, &d.Y.Label.TextStyle.Font, &d.X.Tick.Label.Font, &d.Y.Tick.Label.Font, &d.Legend.TextStyle.Font} {
		s.Variant = "Sans"
	}
	d.Y.Scale, d.Y.Tick.Marker = plot.LogScale{}, decades{}
	d.Add(plotter.NewGrid())
	d.Legend.Top = true
	for i, c := range p.Curves {
		ink := palette[i%len(palette)]
		if c.Low != nil {
			if band, err := c.band(); err == nil {
				band.Color = color.NRGBA{ink.R, ink.G, ink.B, 0x40}
				band.LineStyle.Width = 0
				d.Add(band)
			}
		}
		points := positive(c.X, c.Y)
		if len(points) == 0 {
			continue // a logarithm has no place for it
		}
		line, dots, err := plotter.NewLinePoints(points)
		if err != nil {
			return nil, err
		}
		line.Color, line.Width = ink, vg.Points(1.5)
		dots.Color, dots.Radius, dots.Shape = ink, vg.Points(1.5), draw.CircleGlyph{}
		d.Add(line)
		if len(points) <= 50 {
			d.Add(dots)
		}
		d.Legend.Add(c.Name, line)
	}
	// An empty range has no logarithm.
	if !(d.Y.Min > 0) || math.IsInf(d.Y.Min, 0) {
		d.Y.Min, d.Y.Max = 0.1, 1
	}
	if d.Y.Min == d.Y.Max {
		d.Y.Min, d.Y.Max = d.Y.Min/2, d.Y.Max*2
	}
	return d, nil
}

func (c Curve) band() (*plotter.Polygon, error) {
	up, low := positive(c.X, c.Up), positive(c.X, c.Low)
	for i := len(low) - 1; i >= 0; i-- {
		up = append(up, low[i])
	}
	return plotter.NewPolygon(up)
}

// positive returns the points that a logarithmic axis can show.
func positive(x, y []float64) plotter.XYs {
	var points plotter.XYs
	for i := range x {
		if y[i] > 0 && !math.IsInf(y[i], 0) {
			points = append(points, plotter.XY{X: x[i], Y: y[i]})
		}
	}
	return points
}

// decades marks powers of ten, so many that they can be read, and if there are few also twos and fives.
type decades struct{}

func (decades) Ticks(low, high float64) []plot.Tick {
	first, last := math.Floor(math.Log10(low)), math.Ceil(math.Log10(high))
	every := math.Max(1, math.Ceil((last-first)/8))
	var ticks []plot.Tick
	for e := first; e <= last; e++ {
		for _, m := range []float64{1, 2, 5} {
			v := m * math.Pow(10, e)
			if v < low || v > high || (m > 1 && last-first > 3) {
				continue
			}
			t := plot.Tick{Value: v}
			if math.Mod(e, every) == 0 {
				t.Label = strconv.FormatFloat(v, 'g', 3, 64)
			}
			ticks = append(ticks, t)
		}
	}
	return ticks
}

// WriteCSV writes rows of cells to a file.
func WriteCSV(path string, rows [][]string) error {
	return WriteFile(path, func(w io.Writer) error {
		c := csv.NewWriter(w)
		if err := c.WriteAll(rows); err != nil {
			return err
		}
		return c.Error()
	})
}

// Table returns rows as text in aligned columns, numbers to the right.
func Table(rows [][]string) string {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-len([]rune(cell)))
			switch {
			case i == 0:
				b.WriteString(cell + pad)
			default:
				b.WriteString("  " + pad + cell)
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

// WriteFile writes a file whole or not at all.
func WriteFile(path string, write func(io.Writer) error) error {
	f, err := os.Create(path + ".tmp") // what a crash leaves of it the next write replaces
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails once it has been renamed
	if err = write(f); err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return errors.WithMessage(err, path)
	}
	return os.Rename(f.Name(), path)
}
