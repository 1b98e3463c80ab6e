// Package figure draws curves and writes tables and files. It does not depend on their meaning.
package figure

import (
	"image/color"
	"io"
	"math"
	"path/filepath"
	"slices"
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

// Panel is a diagram. Its y-axis is logarithmic unless Linear is set.
type Panel struct {
	Title, X, Y string
	Linear      bool
	Curves      []Curve
}

// Curve is a line with an optional band around it. Curves of one colour in a panel differ in their
// dashes.
type Curve struct {
	Name    string
	Color   color.NRGBA
	X, Y    []float64
	Low, Up []float64 // the edges of the band; nil without a band
}

// dashes are the patterns of the first, second and further curves of one colour.
var dashes = [][]vg.Length{
	nil,
	{vg.Points(6), vg.Points(3)},
	{vg.Points(1.5), vg.Points(2.5)},
	{vg.Points(6), vg.Points(2), vg.Points(1.5), vg.Points(2)},
}

const (
	width     = 11 * vg.Inch
	rowHeight = 4.2 * vg.Inch // of up to two rows; more rows share the height of two

	titleSize, labelSize, tickSize = 11, 10, 9 // points
)

// Save draws rows of panels to a file. The path must end in .png or .svg. Each row has one legend
// at its right side, with the curves of its first panel.
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
	height := rowHeight * vg.Length(min(len(rows), 2))
	var canvas vg.CanvasWriterTo
	switch ext := filepath.Ext(path); ext {
	case ".png":
		image := vgimg.NewWith(vgimg.UseWH(width, height), vgimg.UseDPI(150))
		canvas = vgimg.PngCanvas{Canvas: image}
	case ".svg":
		canvas = vgsvg.New(width, height)
	default:
		return errors.Errorf("figure: the name %s ends in %q, want .png or .svg", path, ext)
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
		tiles := draw.Tiles{
			Rows: 1, Cols: len(rows[i]), PadX: 2 * pad,
			PadTop: pad, PadBottom: pad, PadLeft: pad, PadRight: pad,
		}
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
	l.ThumbnailWidth = vg.Points(28) // long enough for a dash pattern
	for i, c := range p.Curves {
		l.Add(c.Name, &plotter.Line{LineStyle: p.lineStyle(i)})
	}
	return l
}

// lineStyle returns the style of the curve with index i.
func (p Panel) lineStyle(i int) draw.LineStyle {
	same := 0 // earlier curves of this colour
	for _, c := range p.Curves[:i] {
		if c.Color == p.Curves[i].Color {
			same++
		}
	}
	return draw.LineStyle{
		Color: p.Curves[i].Color, Width: vg.Points(1.5), Dashes: dashes[same%len(dashes)],
	}
}

func (p Panel) plot() (*plot.Plot, error) {
	d := plot.New()
	// The name of the y-axis is above the axis: beside it, plot reserves space as for a linear
	// axis.
	d.Title.Text, d.X.Label.Text = strings.TrimPrefix(p.Title+"\n"+p.Y, "\n"), p.X
	for f, size := range map[*font.Font]font.Length{
		&d.Title.TextStyle.Font: titleSize, &d.X.Label.TextStyle.Font: labelSize,
		&d.X.Tick.Label.Font: tickSize, &d.Y.Tick.Label.Font: tickSize,
	} {
		f.Variant, f.Size = "Sans", size
	}
	d.Title.Padding = vg.Points(4)
	d.X.Tick.Marker = evenly{}
	d.Add(plotter.NewGrid())
	for _, c := range p.Curves {
		if band, err := p.band(c); err == nil {
			band.Color = color.NRGBA{c.Color.R, c.Color.G, c.Color.B, 0x40}
			band.LineStyle.Width = 0
			d.Add(band)
		}
	}
	for i, c := range p.Curves {
		points := p.points(c.X, c.Y)
		if len(points) == 0 {
			continue // a curve without points must not change the range of the axis
		}
		line, dots, err := plotter.NewLinePoints(points)
		if err != nil {
			return nil, err
		}
		line.LineStyle = p.lineStyle(i)
		dots.Color, dots.Radius, dots.Shape = line.Color, vg.Points(1.5), draw.CircleGlyph{}
		d.Add(line)
		if len(points) <= 50 {
			d.Add(dots)
		}
	}
	if !p.Linear {
		scaleByDecades(d)
	}
	return d, nil
}

// scaleByDecades makes the y-axis logarithmic.
func scaleByDecades(d *plot.Plot) {
	d.Y.Scale, d.Y.Tick.Marker = plot.LogScale{}, decades{}
	// A range without positive numbers has no logarithms.
	if !(d.Y.Min > 0) || math.IsInf(d.Y.Min, 0) {
		d.Y.Min, d.Y.Max = 0.1, 1
	}
	d.Y.Min, d.Y.Max = roundDown(d.Y.Min), 1/roundDown(1/d.Y.Max)
	if d.Y.Min == d.Y.Max {
		d.Y.Min, d.Y.Max = d.Y.Min/2, d.Y.Max*2
	}
}

// band returns the area between the edges of a curve. A curve without edges is an error.
func (p Panel) band(c Curve) (*plotter.Polygon, error) {
	up, low := p.points(c.X[:len(c.Up)], c.Up), p.points(c.X[:len(c.Low)], c.Low)
	slices.Reverse(low)
	return plotter.NewPolygon(append(up, low...))
}

// points returns the points that the axis can show.
func (p Panel) points(x, y []float64) plotter.XYs {
	var points plotter.XYs
	for i := range x {
		if (p.Linear || y[i] > 0) && !math.IsInf(y[i], 0) && !math.IsNaN(y[i]) {
			points = append(points, plotter.XY{X: x[i], Y: y[i]})
		}
	}
	return points
}
