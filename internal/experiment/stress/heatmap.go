package stress

import (
	"fmt"
	"image/color"
	"io"
	"math"
	"path/filepath"
	"slices"

	"github.com/pkg/errors"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/l4-go/l4/internal/experiment/figure"
)

// Draw draws the gap of each contender to the best Adam of each task as a heat map. The path must
// end in .png or .svg.
func (r *Report) Draw(path string) error {
	if len(r.tasks) == 0 || len(r.contenders) == 0 {
		return errors.Errorf("stress: cannot draw %d tasks and %d solvers: want at least one of "+
			"each", len(r.tasks), len(r.contenders))
	}
	p := plot.New()
	p.Title.Text = "Gap to Adam with each task's best rate, in points of accuracy; " +
		"×: ratio of errors"
	p.Title.TextStyle.Font.Variant, p.Title.TextStyle.Font.Size = "Sans", 11
	p.Title.Padding = vg.Points(6)
	var contenders, tasks []string
	for _, c := range r.contenders {
		contenders = append(contenders, c.String())
	}
	for _, t := range slices.Backward(r.tasks) { // the y-axis begins at the bottom
		tasks = append(tasks, t.Name)
	}
	p.Y.Label.Text = " " // leaves room at the edge
	p.NominalX(contenders...)
	p.NominalY(tasks...)
	p.X.Tick.Label.Rotation = math.Pi / 6
	p.X.Tick.Label.XAlign, p.X.Tick.Label.YAlign = text.XRight, text.YCenter
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.LineStyle.Width, axis.Padding = 0, 0
		axis.Tick.Label.Font.Variant, axis.Tick.Label.Font.Size = "Sans", 9
		axis.Tick.Color, axis.Tick.Width, axis.Tick.Length = color.Transparent, 1, vg.Points(6)
	}
	p.X.Min, p.X.Max = -0.5, float64(len(contenders))-0.5
	p.Y.Min, p.Y.Max = -0.5, float64(len(tasks))-0.5
	p.Add(r)
	width := max(7*vg.Inch, 1.8*vg.Inch+vg.Length(len(contenders))*0.66*vg.Inch)
	height := 1.6*vg.Inch + vg.Length(len(tasks))*0.22*vg.Inch
	drawn, err := p.WriterTo(width, height, filepath.Ext(path)[1:])
	if err != nil {
		return err
	}
	return figure.WriteFile(path, func(w io.Writer) error {
		_, err := drawn.WriteTo(w)
		return err
	})
}

// Plot implements plot.Plotter. It draws the cells.
func (r *Report) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	style := p.X.Tick.Label
	style.Rotation, style.XAlign, style.YAlign = 0, text.XCenter, text.YCenter
	style.Font.Size = 8
	for k, row := range r.cells {
		middle := float64(len(r.tasks) - 1 - k)
		for i, cell := range row {
			left, right := x(float64(i)-0.48), x(float64(i)+0.48)
			low, up := y(middle-0.46), y(middle+0.46)
			fill, ink := cell.colours(r.tasks[k].Metric)
			c.FillPolygon(fill, []vg.Point{{X: left, Y: low}, {X: right, Y: low},
				{X: right, Y: up}, {X: left, Y: up}})
			style.Color = ink
			at := vg.Point{X: (left + right) / 2, Y: (low+up)/2 + style.Font.Size/8}
			c.FillText(style, at, cell.text(r.tasks[k].Metric))
		}
	}
}

func (c cell) text(m Metric) string {
	switch {
	case c.failed > 0:
		return fmt.Sprintf("%d/%d failed", c.failed, len(c.values))
	case math.IsNaN(c.gap):
		return ""
	case m == Error && c.gap > math.Log(999):
		return "× >999"
	case m == Error:
		return fmt.Sprintf("×%.3g", math.Exp(c.gap))
	}
	return fmt.Sprintf("%+.1f", c.gap)
}

// Colours of the cells. The scale goes from blue for ahead to vermilion for behind, which
// colour-blind readers can distinguish.
var (
	aheadColour  = color.NRGBA{0x00, 0x72, 0xb2, 0xff}
	behindColour = color.NRGBA{0xd5, 0x5e, 0x00, 0xff}
	failedColour = color.NRGBA{0x40, 0x40, 0x40, 0xff}
)

// colours returns the colours of a cell and of the text on it. The scale ends at a gap of 5 points
// or at twice the best Adam's error.
func (c cell) colours(m Metric) (fill, ink color.Color) {
	if c.failed > 0 {
		return failedColour, color.White
	}
	share := c.gap / 5
	if m == Error {
		share = c.gap / math.Ln2
	}
	end := behindColour
	if share < 0 {
		end = aheadColour
	}
	if math.IsNaN(share) {
		share = 0
	}
	share = min(1, math.Abs(share))
	mix := func(to uint8) uint8 { return uint8(255 - share*(255-float64(to))) }
	ink = color.Black
	if share > 0.7 {
		ink = color.White
	}
	return color.NRGBA{mix(end.R), mix(end.G), mix(end.B), 0xff}, ink
}
