package main

import (
	"context"
	"io"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"

	"github.com/l4-go/l4/dist"
	"github.com/l4-go/l4/internal/experiment/compare"
)

// Under mpirun all ranks make the same runs, each on its share of the batches. Only rank 0 prints,
// draws and saves.

// shard is the training on one rank's share of the batches. Step i of rank r on n ranks is step
// i·n + r of the complete training.
type shard struct {
	compare.Training
	rank, ranks int
}

// Run implements compare.Training.
func (s shard) Run(step int) (gorgonia.Valuer, []gorgonia.ValueGrad, error) {
	return s.Training.Run(step*s.ranks + s.rank)
}

// Show returns the text that the complete training shows; see compare.Show.
func (s shard) Show() (string, error) { return compare.Show(s.Training) }

// divide divides the batches of tasks among the ranks.
func divide(world *dist.World, tasks []compare.Task) error {
	n := world.Size()
	for i := range tasks {
		t := &tasks[i]
		if t.EpochSteps < n {
			return errors.Errorf("--batch: an epoch has %d batches, want at least one for each "+
				"of %d ranks: choose smaller batches", t.EpochSteps, n)
		}
		t.EpochSteps /= n
		start := t.Start
		t.Start = func(seed uint64) (compare.Training, error) {
			training, err := start(seed)
			return shard{training, world.Rank(), n}, err
		}
	}
	return nil
}

// together returns a context that is done on all ranks in the same step after ctx is done on one
// rank, and the function that makes the Reduce of each run. The function is nil for one rank.
func together(ctx context.Context, world *dist.World) (context.Context, func() compare.Reduce) {
	if world.Size() == 1 {
		return ctx, nil
	}
	all, cancel := context.WithCancel(context.WithoutCancel(ctx))
	return all, func() compare.Reduce {
		batches := dist.NewBatches(world)
		return func(
			loss gorgonia.Valuer, model []gorgonia.ValueGrad,
		) (gorgonia.Valuer, []gorgonia.ValueGrad, error) {
			if ctx.Err() != nil {
				world.Stop()
			}
			if err := batches.Add(loss, model); err != nil {
				return nil, nil, err
			}
			model = batches.Model()
			if world.Stopped() {
				cancel()
			}
			return batches, model, batches.Err()
		}
	}
}

// shareCheckpoint sends the checkpoint that rank 0 has read to all ranks.
func shareCheckpoint(w *dist.World, c *compare.Checkpoint) error {
	if w.Size() == 1 {
		return nil
	}
	data, err := c.Encode()
	if err := w.Agree(err); err != nil {
		return err
	}
	if data, err = w.Broadcast(data); err != nil {
		return err
	}
	if w.Rank() > 0 {
		err = c.Decode(data)
	}
	return w.Agree(err)
}

// onFirstRank returns to on rank 0, and a writer that discards everything on the other ranks.
func onFirstRank(w *dist.World, to io.Writer) io.Writer {
	if w.Rank() > 0 {
		return io.Discard
	}
	return to
}
