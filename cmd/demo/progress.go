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

	"github.com/l4-go/l4/internal/experiment/compare"
)

// progress shows the progress of a comparison: on a terminal by a bar and a line for each finished
// run, elsewhere by a line for each epoch or, in a long comparison, for some of the epochs. It
// implements compare.Progress.
type progress struct {
	comparison *compare.Comparison
	bar        *progressbar.ProgressBar // nil if w is not a terminal
	mu         sync.Mutex
	w          io.Writer
	steps      int // done
	total      int
	runs       int // begun or expected
}

// Limits of the number of lines.
const (
	runLines        = 30
	comparisonLines = 100
)

func newProgress(w io.Writer, c *compare.Comparison) *progress {
	return &progress{comparison: c, w: w, bar: newBar(w, 1)}
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

// Expect implements compare.Progress. It adds the runs to the length of the bar.
func (p *progress) Expect(runs []compare.Run) {
	for _, r := range runs {
		t := p.comparison.Task(r)
		p.total += t.Epochs * t.EpochSteps
	}
	p.runs += len(runs)
	if p.bar != nil && len(runs) > 0 {
		p.bar.ChangeMax(p.total + 1) // a full bar ends, but a search may add more runs
	}
}

// Begin implements compare.Progress. It sets the options that report the steps and epochs of a run.
func (p *progress) Begin(r compare.Run, opts *compare.Options) (end func(error)) {
	epochSteps, name := opts.EpochSteps, p.name(r)
	shown := 0 // steps of this run that the bar has counted
	count := func(step int) {
		p.steps += step - shown
		shown = step
		p.bar.Set(p.steps)
	}
	lines := max(1, min(runLines, comparisonLines/p.runs))
	every := (opts.Epochs + lines - 1) / lines
	opts.OnEpoch = func(e compare.Epoch) {
		if e.Number == opts.Epochs || p.bar == nil && e.Number%every == 0 {
			p.print(name + "  " + p.line(e, opts.Epochs))
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
				name, (step-1)/epochSteps+1, opts.Epochs, loss, learnRate))
			count(step)
		}
	}
	return func(err error) {
		if failure := new(compare.Failure); errors.As(err, &failure) {
			p.print(name + "  " + failure.Why)
		} else if err != nil && !errors.Is(err, context.Canceled) {
			p.print(fmt.Sprintf("%s  %v", name, err))
		}
		if p.bar != nil {
			p.mu.Lock()
			defer p.mu.Unlock()
			count(opts.Epochs * epochSteps)
		}
	}
}

// name returns the solver of a run and, if the comparison has several, its task and its seed.
func (p *progress) name(r compare.Run) string {
	name := r.Solver.String()
	if len(p.comparison.Tasks) > 1 {
		name += ", " + r.Task
	}
	if n := len(p.comparison.Seeds); n > 1 {
		name += fmt.Sprintf(", seed %d/%d", r.Seed-p.comparison.Seeds[0]+1, n)
	}
	return name
}

func (p *progress) line(e compare.Epoch, epochs int) string {
	line := fmt.Sprintf("epoch %d/%d  loss %.3g  learning rate %.3g",
		e.Number, epochs, e.Loss, e.LearnRate)
	if !math.IsNaN(e.Metric) {
		line += fmt.Sprintf("  test accuracy %.2f %%", 100*e.Metric)
	}
	if p.comparison.Jobs == 1 {
		line += fmt.Sprintf("  %.2g s", e.Time.Seconds())
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
