package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"time"

	"github.com/pkg/errors"
	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/l4-go/l4/internal/train"
)

// progress shows how a run goes: on a terminal by a bar, elsewhere by a line an epoch.
type progress struct {
	w        io.Writer
	settings settings
	terminal bool

	name string
	bar  *progressbar.ProgressBar
}

func newProgress(w io.Writer, s settings) *progress {
	f, isFile := w.(*os.File)
	return &progress{w: w, settings: s, terminal: isFile && term.IsTerminal(int(f.Fd()))}
}

// begin starts the display of a run and sets what feeds it.
func (p *progress) begin(spec solverSpec, restart, epochSteps int, opts *train.Options) {
	p.name = spec.String()
	if p.settings.restarts > 1 {
		p.name += fmt.Sprintf(" start %d/%d", restart+1, p.settings.restarts)
	}
	opts.OnEpoch = p.epoch
	if p.terminal {
		p.bar = progressbar.NewOptions(p.settings.epochs*epochSteps,
			progressbar.OptionSetWriter(p.w), progressbar.OptionSetWidth(20), progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionSetPredictTime(true), progressbar.OptionClearOnFinish())
		opts.OnStep = func(step int, loss, learnRate float64) {
			p.bar.Describe(fmt.Sprintf("%s  epoch %d/%d  loss %-8.2e  learning rate %-8.2e", p.name, (step-1)/epochSteps+1, p.settings.epochs, loss, learnRate))
			p.bar.Set(step)
		}
	}
}

func (p *progress) epoch(r train.Record) {
	if p.terminal && r.Epoch < p.settings.epochs {
		return // the bar shows it
	}
	line := fmt.Sprintf("%s  epoch %d/%d  loss %.3g  learning rate %.3g", p.name, r.Epoch, p.settings.epochs, r.Loss, r.LearnRate)
	if !math.IsNaN(r.Accuracy) {
		line += fmt.Sprintf("  test accuracy %.2f %%", 100*r.Accuracy)
	}
	fmt.Fprintf(p.w, "%s  %.2g s\n", line, r.Time.Seconds())
}

// end closes the display of a run.
func (p *progress) end(err error) {
	if p.bar != nil {
		p.bar.Clear()
		p.bar = nil
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintf(p.w, "%s  %v\n", p.name, err)
	}
}
