package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"sync"
	"time"

	"github.com/pkg/errors"
	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/l4-go/l4/internal/experiment/train"
)

// progress shows how a job goes: on a terminal by a bar and a line for each finished run, elsewhere
// by a line for each epoch or, in a long job, for some of the epochs.
type progress struct {
	job   *job
	bar   *progressbar.ProgressBar // nil if w is no terminal
	mu    sync.Mutex
	w     io.Writer
	steps int // done
	total int
	runs  int // that have been begun or will be
}

// Limits to the number of lines.
const (
	runLines = 30
	jobLines = 100
)

func newProgress(w io.Writer, j *job) *progress {
	return &progress{job: j, w: w, bar: newBar(w, 1)}
}

// newBar returns a bar on a terminal, nil elsewhere.
func newBar(w io.Writer, most int64, more ...progressbar.Option) *progressbar.ProgressBar {
	if f, ok := w.(*os.File); !ok || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	return progressbar.NewOptions64(most, append(more,
		progressbar.OptionSetWriter(w), progressbar.OptionSetWidth(20),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionSetPredictTime(true), progressbar.OptionClearOnFinish())...)
}

// expect makes room for runs.
func (p *progress) expect(ids []runID) {
	for _, id := range ids {
		v := p.job.variant(id)
		p.total += v.epochs * v.epochSteps
	}
	p.runs += len(ids)
	if p.bar != nil && len(ids) > 0 {
		p.bar.ChangeMax(p.total + 1) // at its maximum the bar would end, but a search may go on
	}
}

// begin starts the display of a run and sets the options that feed it. It returns the function that
// ends the display.
func (p *progress) begin(id runID, opts *train.Options) (end func(error)) {
	v := p.job.variant(id)
	name := id.Solver.String()
	if len(p.job.variants) > 1 {
		name += ", " + v.name
	}
	if p.job.restarts > 1 {
		name += fmt.Sprintf(", start %d/%d", id.Seed-p.job.seed+1, p.job.restarts)
	}
	shown := 0 // steps of this run that the bar counts
	count := func(step int) {
		p.steps += step - shown
		shown = step
		p.bar.Set(p.steps)
	}
	lines := max(1, min(runLines, jobLines/p.runs))
	every := (opts.Epochs + lines - 1) / lines
	opts.OnEpoch = func(r train.Record) {
		if r.Epoch == opts.Epochs || p.bar == nil && r.Epoch%every == 0 {
			p.print(name + "  " + p.line(r, opts.Epochs))
		}
	}
	if p.bar != nil {
		opts.OnStep = func(step int, loss, learnRate float64) {
			if step%50 != 0 {
				return
			}
			p.mu.Lock()
			defer p.mu.Unlock()
			p.bar.Describe(fmt.Sprintf("%s  epoch %d/%d  loss %-8.2e  learning rate %-8.2e",
				name, (step-1)/v.epochSteps+1, opts.Epochs, loss, learnRate))
			count(step)
		}
	}
	return func(err error) {
		if err != nil && !errors.Is(err, context.Canceled) {
			p.print(fmt.Sprintf("%s  %v", name, err))
		}
		if p.bar != nil {
			p.mu.Lock()
			defer p.mu.Unlock()
			count(opts.Epochs * v.epochSteps)
		}
	}
}

func (p *progress) line(r train.Record, epochs int) string {
	line := fmt.Sprintf("epoch %d/%d  loss %.3g  learning rate %.3g",
		r.Epoch, epochs, r.Loss, r.LearnRate)
	if !math.IsNaN(r.Accuracy) {
		line += fmt.Sprintf("  test accuracy %.2f %%", 100*r.Accuracy)
	}
	if p.job.jobs == 1 {
		line += fmt.Sprintf("  %.2g s", r.Time.Seconds())
	}
	return line
}

// print writes a line, above the bar if there is one.
func (p *progress) print(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		p.bar.Clear()
	}
	fmt.Fprintln(p.w, line)
}

// close removes the bar.
func (p *progress) close() {
	if p.bar != nil {
		p.bar.Clear()
	}
}
