package main

import (
	"context"
	"fmt"
	"io"

	"github.com/schollz/progressbar/v3"

	"github.com/l4-go/l4/dist"
	"github.com/l4-go/l4/internal/experiment/dataset"
)

// findOnRanks finds the data of an experiment on all ranks, and downloads it if it is missing. Rank
// 0 does so first and shows the progress. Then the other ranks find the downloaded data, or
// download it if they run on another machine.
func findOnRanks(
	ctx context.Context, world *dist.World, source *dataset.Source, w io.Writer,
) (folder string, err error) {
	if world.Rank() == 0 {
		folder, err = find(ctx, source, w)
	}
	if err := world.Agree(err); err != nil {
		return "", err
	}
	if world.Rank() > 0 {
		folder, err = find(ctx, source, w)
	}
	return folder, world.Agree(err)
}

// find finds data, and downloads it if it is missing.
func find(ctx context.Context, source *dataset.Source, w io.Writer) (folder string, err error) {
	p := &fetchProgress{w: w}
	defer p.close()
	return source.Find(ctx, p.show)
}

// fetchProgress shows the download of files: on a terminal by a bar, elsewhere by a line for each
// file.
type fetchProgress struct {
	w    io.Writer
	file string
	bar  *progressbar.ProgressBar // nil if w is not a terminal
}

// show is a dataset.Progress.
func (p *fetchProgress) show(file string, done, size int64, failed error) {
	if file != p.file {
		p.close()
		p.file, p.bar = file, newBar(p.w, size, progressbar.OptionShowBytes(true),
			progressbar.OptionSetDescription(file))
		if p.bar == nil {
			fmt.Fprintf(p.w, "downloading %s, %.3g MB\n", file, float64(size)/1e6)
		}
	}
	if failed != nil {
		p.close()
		fmt.Fprintf(p.w, "%s: the download failed after %d of %d bytes (%v), trying again\n",
			file, done, size, failed)
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
