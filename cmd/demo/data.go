package main

import (
	"context"
	"fmt"
	"io"

	"github.com/schollz/progressbar/v3"

	"github.com/l4-go/l4/dist"
)

// findData finds the data of an experiment, unless the user has named it, and fetches it if need be.
// Rank 0 does so first, so that it can show how it goes; the others find what it has fetched, or
// fetch for themselves on another machine.
func (s *settings) findData(
	ctx context.Context, world *dist.World, e experiment, w io.Writer,
) (err error) {
	if e.source == nil || s.data != "" {
		return nil
	}
	p := &fetchProgress{w: w}
	defer p.close()
	if world.Rank() == 0 {
		s.data, err = e.source.Find(ctx, p.show)
	}
	if err := world.Agree(err); err != nil {
		return err
	}
	if world.Rank() > 0 {
		s.data, err = e.source.Find(ctx, p.show)
	}
	return world.Agree(err)
}

// fetchProgress shows how files are fetched: on a terminal by a bar, elsewhere by a line for each
// file.
type fetchProgress struct {
	w    io.Writer
	file string
	bar  *progressbar.ProgressBar // nil if w is no terminal
}

// show is a dataset.Progress.
func (p *fetchProgress) show(file string, done, size int64, failed error) {
	if file != p.file {
		p.close()
		p.file, p.bar = file, newBar(p.w, size, progressbar.OptionShowBytes(true),
			progressbar.OptionSetDescription(file))
		if p.bar == nil {
			fmt.Fprintf(p.w, "fetching %s, %.3g MB\n", file, float64(size)/1e6)
		}
	}
	if failed != nil {
		p.close()
		fmt.Fprintf(p.w, "%s after %d of %d bytes: %v: trying again\n", file, done, size, failed)
	}
	if p.bar != nil {
		p.bar.Set64(done)
	}
}

// close removes the bar.
func (p *fetchProgress) close() {
	if p.bar != nil {
		p.bar.Clear()
	}
}
