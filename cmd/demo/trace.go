package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"

	"github.com/l4-go/l4"
	"github.com/l4-go/l4/internal/experiment/figure"
	"github.com/l4-go/l4/internal/experiment/train"
)

const (
	traceTask = "mnist-64-20%"
	traceMean = 20 // steps that a point of a curve is the mean over
)

// drawTrace draws what the steps of plain and of guarded L4Adam do on the same noisy task: the slope ratio that
// the guard goes by, its trust, the learning rate and the loss.
func drawTrace(ctx context.Context, s settings, w io.Writer) error {
	vs, err := stressVariants(s)
	if err != nil {
		return err
	}
	v := vs[slices.IndexFunc(vs, func(v variant) bool { return v.name == traceTask })]
	panels := []figure.Panel{
		{Title: "Slope along the last step", Y: "in units of what that step took it for, x/p, cut off at ±1", Linear: true},
		{Title: "Trust", Y: "factor on the step, c"},
		{Title: "Effective learning rate", Y: "η"},
		{Title: "Training loss", Y: "L"},
	}
	for _, kind := range []string{"l4adam", "l4adam+guard"} {
		spec := solverSpec{kind, train.Kinds[kind].Value}
		task := train.Build(func() *train.Task { return v.newTask(s.seed) })
		solver := train.Kinds[kind].New(task.Loss, spec.Value)
		p := &probe{adaptive: solver.Solver.(adaptive)}
		_, err := train.Run(ctx, task, train.Solver{Solver: p, LearnRate: solver.LearnRate}, train.Options{Epochs: v.epochs,
			OnEpoch: func(r train.Record) {
				fmt.Fprintf(w, "%v  epoch %d/%d  loss %.3g  test accuracy %.2f %%\n", spec, r.Epoch, v.epochs, r.Loss, 100*r.Accuracy)
			}})
		if err != nil && !errors.Is(err, train.ErrDiverged) {
			return err
		}
		for i := range panels {
			c := figure.Curve{Name: spec.String()}
			for at, point := range p.points {
				c.X, c.Y = append(c.X, float64((at+1)*traceMean)), append(c.Y, point[i])
			}
			panels[i].X, panels[i].Curves = "step", append(panels[i].Curves, c)
		}
	}
	base := filepath.Join(s.out, s.experiment+"-trace")
	for _, ext := range []string{".png", ".svg"} {
		if err := figure.Save(base+ext, panels[:2], panels[2:]); err != nil {
			return err
		}
	}
	fmt.Fprintf(w, "Wrote %s.png and .svg.\n", base)
	return nil
}

// adaptive is a solver of package l4.
type adaptive interface {
	gorgonia.Solver
	Last() l4.Info
}

// probe is a solver that keeps what its steps did. It measures the slope ratio from outside, so that plain L4
// has one as well.
type probe struct {
	adaptive
	before, moved []float64 // the weights before the last step, and less those after it: η·v
	grad          []float64
	sum           [4]float64   // of a panel's numbers since the last point
	points        [][4]float64 // means
}

func (p *probe) Step(model []gorgonia.ValueGrad) error {
	p.before, p.grad = p.before[:0], p.grad[:0]
	for _, m := range model {
		g, err := m.Grad()
		if err != nil {
			return err
		}
		p.before, p.grad = appendFloats(p.before, m.Value()), appendFloats(p.grad, g)
	}
	ratio := p.slopeRatio()
	if err := p.adaptive.Step(model); err != nil {
		return err
	}
	after := p.grad[:0]
	for _, m := range model {
		after = appendFloats(after, m.Value())
	}
	p.moved = p.moved[:0]
	for i := range after {
		p.moved = append(p.moved, p.before[i]-after[i])
	}
	info := p.Last()
	for i, x := range []float64{ratio, info.Trust, info.LearnRate, info.Loss} {
		p.sum[i] += x / traceMean
	}
	if info.Step%traceMean == 0 {
		p.points, p.sum = append(p.points, p.sum), [4]float64{}
	}
	return nil
}

// slopeRatio is the slope of the loss along the last step's direction, over what that step took it for, from -1
// to 1.
func (p *probe) slopeRatio() float64 {
	last := p.Last()
	if last.LearnRate == 0 || last.InnerProduct == 0 {
		return 0
	}
	slope := 0.0
	for i, m := range p.moved {
		slope += p.grad[i] * m
	}
	return max(-1, min(slope/last.LearnRate/last.InnerProduct, 1))
}

func appendFloats(to []float64, v gorgonia.Value) []float64 {
	switch xs := v.Data().(type) {
	case []float32:
		for _, x := range xs {
			to = append(to, float64(x))
		}
	case []float64:
		to = append(to, xs...)
	}
	return to
}
