// Package figure draws curves and writes them as CSV. It knows nothing of what they mean.
package figure

import (
	"encoding/csv"
	"image/color"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
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

// Panel is a diagram. Its y-axis is logarithmic if it is not linear.
type Panel struct {
	Title, X, Y string
	Linear      bool
	Curves      []Curve
}

// palette is Okabe and Ito's, which colour-blind readers can tell apart.
var palette = []color.NRGBA{
	{0x00, 0x72, 0xb2, 0xff}, {0xd5, 0x5e, 0x00, 0xff}, {0x00, 0x9e, 0x73, 0xff},
	{0xcc, 0x79, 0xa7, 0xff}, {0xe6, 0x9f, 0x00, 0xff}, {0x56, 0xb4, 0xe9, 0xff}, {0, 0, 0, 0xff},
}

const (
	width     = 11 * vg.Inch
	rowHeight = 4.2 * vg.Inch

	titleSize, labelSize, tickSize = 11, 10, 9 // points
)

// Save draws rows of panels to a file whose name ends in .png or .svg. The curves of a row's panels share
// their colours and a legend, at its right, with the names of those in the first panel.
func Save(path string, rows ...[]Panel) error {
	plots := make([][]*plot.Plot, len(rows))
	for i, row := range rows {
		for _, p := range row {
			drawn, err := p.plot()
			if err != nil {
				return errors.WithMessage(err, p.Title)
			}
			plots[i] = append(plots[i], drawn)
		}
	}
	height := rowHeight * vg.Length(len(rows))
	var canvas vg.CanvasWriterTo
	switch ext := filepath.Ext(path); ext {
	case ".png":
		canvas = vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(width, height), vgimg.UseDPI(150))}
	case ".svg":
		canvas = vgsvg.New(width, height)
	default:
		return errors.Errorf("figure: no format %q", ext)
	}
	drawAll(draw.New(canvas), rows, plots)
	return WriteFile(path, func(w io.Writer) error {
		_, err := canvas.WriteTo(w)
		return err
	})
}

// drawAll places the plots with their legends.
func drawAll(whole draw.Canvas, rows [][]Panel, plots [][]*plot.Plot) {
	const pad = vg.Millimeter * 3
	var margin vg.Length
	legends := make([]plot.Legend, len(rows))
	for i, row := range rows {
		legends[i] = row[0].legend()
		margin = max(margin, legends[i].Rectangle(whole).Size().X+pad)
	}
	height := whole.Size().Y / vg.Length(len(rows))
	for i := range rows {
		strip := draw.Crop(whole, 0, 0, height*vg.Length(len(rows)-1-i), -height*vg.Length(i))
		tiles := draw.Tiles{Rows: 1, Cols: len(rows[i]), PadX: 2 * pad, PadTop: pad, PadBottom: pad, PadLeft: pad, PadRight: pad}
		for k, c := range plot.Align(plots[i:i+1], tiles, draw.Crop(strip, 0, -margin, 0, 0))[0] {
			plots[i][k].Draw(c)
		}
		legends[i].Draw(draw.Crop(strip, strip.Size().X-margin, 0, 0, -4*pad))
	}
}

func (p Panel) legend() plot.Legend {
	l := plot.NewLegend()
	l.Top, l.Left = true, true
	l.TextStyle.Font.Variant, l.TextStyle.Font.Size, l.Padding = "Sans", labelSize, vg.Points(3)
	for i, c := range p.Curves {
		l.Add(c.Name, &plotter.Line{LineStyle: lineStyle(i)})
	}
	return l
}

// lineStyle is that of the curve with index i.
func lineStyle(i int) draw.LineStyle {
	return draw.LineStyle{Color: palette[i%len(palette)], Width: vg.Points(1.5)}
}

func (p Panel) plot() (*plot.Plot, error) {
	d := plot.New()
	// The y-axis has its name above it: beside it, plot leaves room as if the axis were linear.
	d.Title.Text, d.X.Label.Text = p.Title+"\n"+p.Y, p.X
	for f, size := range map[*font.Font]font.Length{&d.Title.TextStyle.Font: titleSize, &d.X.Label.TextStyle.Font: labelSize, &d.X.Tick.Label.Font: tickSize, &d.Y.Tick.Label.Font: tickSize} {
		f.Variant, f.Size = "Sans", size
	}
	d.Title.Padding = vg.Points(4)
	d.X.Tick.Marker = evenly{}
	d.Add(plotter.NewGrid())
	for i, c := range p.Curves {
		if band, err := p.band(c); err == nil {
			ink := palette[i%len(palette)]
			band.Color = color.NRGBA{ink.R, ink.G, ink.B, 0x40}
			band.LineStyle.Width = 0
			d.Add(band)
		}
	}
	for i, c := range p.Curves {
		points := p.points(c.X, c.Y)
		if len(points) == 0 {
			continue // the axis has no place for it
		}
		line, dots, err := plotter.NewLinePoints(points)
		if err != nil {
			return nil, err
		}
		line.LineStyle = lineStyle(i)
		dots.Color, dots.Radius, dots.Shape = line.Color, vg.Points(1.5), draw.CircleGlyph{}
		d.Add(line)
		if len(points) <= 50 {
			d.Add(dots)
		}
	}
	if p.Linear {
		return d, nil
	}
	d.Y.Scale, d.Y.Tick.Marker = plot.LogScale{}, decades{}
	// An empty range has no logarithm.
	if !(d.Y.Min > 0) || math.IsInf(d.Y.Min, 0) {
		d.Y.Min, d.Y.Max = 0.1, 1
	}
	d.Y.Min, d.Y.Max = roundDown(d.Y.Min), 1/roundDown(1/d.Y.Max)
	if d.Y.Min == d.Y.Max {
		d.Y.Min, d.Y.Max = d.Y.Min/2, d.Y.Max*2
	}
	return d, nil
}

// roundDown returns the largest of 1, 2, 5, 10, and so on, that is not above x.
func roundDown(x float64) float64 {
	decade := math.Pow(10, math.Floor(math.Log10(x)))
	for _, m := range []float64{5, 2} {
		if m*decade <= x {
			return m * decade
		}
	}
	return decade
}

// band is the area between the edges of a curve; it is an error if there is none.
func (p Panel) band(c Curve) (*plotter.Polygon, error) {
	up, low := p.points(c.X[:len(c.Up)], c.Up), p.points(c.X[:len(c.Low)], c.Low)
	slices.Reverse(low)
	return plotter.NewPolygon(append(up, low...))
}

// points returns those that the axis can show.
func (p Panel) points(x, y []float64) plotter.XYs {
	var points plotter.XYs
	for i := range x {
		if (p.Linear || y[i] > 0) && !math.IsInf(y[i], 0) && !math.IsNaN(y[i]) {
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

// evenly marks whole numbers, up to seven, that can be read.
type evenly struct{}

func (evenly) Ticks(low, high float64) []plot.Tick {
	every := math.Max(1, 1/roundDown(6/(high-low)))
	var ticks []plot.Tick
	for v := every * math.Ceil(low/every); v <= high; v += every {
		ticks = append(ticks, plot.Tick{Value: v, Label: strconv.FormatFloat(v, 'f', -1, 64)})
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

// Table returns rows as text in aligned columns, numbers to the right. A row of one cell is a heading across all
// columns.
func Table(rows [][]string) string {
	var widths []int
	for _, row := range rows {
		if len(row) == 1 {
			continue
		}
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		if len(row) == 1 {
			b.WriteString(row[0] + "\n")
			continue
		}
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
