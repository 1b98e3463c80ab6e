package main

import (
	"bytes"
	"context"
	"io"

	"github.com/pkg/errors"
	"github.com/spf13/cobra"
	"gorgonia.org/gorgonia"

	"github.com/l4-go/l4/dist"
	"github.com/l4-go/l4/internal/experiment/train"
)

// Under mpirun all ranks make the same runs, each on its share of the batches. Rank 0 alone prints,
// draws and saves.

// shard is a task on one rank's share of the batches: every n-th of another's steps.
type shard struct {
	train.Task
	rank, ranks int
}

// Run implements train.Task.
func (s shard) Run(step int) (gorgonia.Valuer, []gorgonia.ValueGrad, error) {
	return s.Task.Run(step*s.ranks + s.rank)
}

// divide makes the job one of several ranks.
func (j *job) divide() error {
	n := j.world.Size()
	if n == 1 {
		return nil
	}
	if len(j.experiment.batches) == 0 {
		return errors.Errorf("demo %s has no batches to share among %d ranks: "+
			"start it without mpirun", j.experiment.name, n)
	}
	for i := range j.variants {
		v := &j.variants[i]
		if v.epochSteps < n {
			return errors.Errorf("--batch: an epoch has %d batches: want one for each of %d ranks",
				v.epochSteps, n)
		}
		v.epochSteps /= n
		whole := v.newTask
		v.newTask = func(seed uint64) (train.Task, error) {
			task, err := whole(seed)
			return shard{task, j.world.Rank(), n}, err
		}
	}
	j.jobs = 1 // runs side by side would not wait for each other in the same order
	return nil
}

// together returns a context that is done on all ranks in the same step, after ctx is done on one,
// and the function that makes the steps of a run those of all ranks. It is nil if there is one rank.
func (j *job) together(ctx context.Context) (context.Context, func() train.Reduce) {
	if j.world.Size() == 1 {
		return ctx, func() train.Reduce { return nil }
	}
	all, cancel := context.WithCancel(context.WithoutCancel(ctx))
	return all, func() train.Reduce {
		batches := dist.NewBatches(j.world)
		return func(
			loss gorgonia.Valuer, model []gorgonia.ValueGrad,
		) (gorgonia.Valuer, []gorgonia.ValueGrad, error) {
			if ctx.Err() != nil {
				j.world.Stop()
			}
			if err := batches.Add(loss, model); err != nil {
				return nil, nil, err
			}
			model = batches.Model()
			if j.world.Stopped() {
				cancel()
			}
			return batches, model, batches.Err()
		}
	}
}

// share gives all ranks the progress that rank 0 has read.
func (c *checkpoint) share(w *dist.World) error {
	if w.Size() == 1 {
		return nil
	}
	data, err := c.encode()
	if err := w.Agree(err); err != nil {
		return err
	}
	if data, err = w.Broadcast(data); err != nil {
		return err
	}
	if w.Rank() > 0 {
		err = c.decode(bytes.NewReader(data))
	}
	return w.Agree(err)
}

// alone makes a command refuse to run on several ranks.
func alone(w *dist.World, c *cobra.Command) *cobra.Command {
	c.PreRunE = func(*cobra.Command, []string) error {
		if w.Size() > 1 {
			return errors.Errorf("%s runs in one process: start it without mpirun", c.CommandPath())
		}
		return nil
	}
	return c
}

// ofRank returns where a rank writes to: nowhere if it is not the first.
func ofRank(w *dist.World, to io.Writer) io.Writer {
	if w.Rank() > 0 {
		return io.Discard
	}
	return to
}
