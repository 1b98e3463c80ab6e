//go:build mpi

package mpi_test

import (
	"fmt"
	"math"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
	"github.com/l4-go/l4/dist"
	"github.com/l4-go/l4/mpi"
)

const jobSteps, faultStep = 50, 20

// train trains as one rank of a job. The last rank commits the fault.
func train(fault string) (err error) {
	world, err := mpi.Init()
	if err != nil {
		return err
	}
	defer func() { // runs in a panic, too, which then continues
		if err != nil { // print it before Finalize: then mpirun kills the last rank to exit
			fmt.Println("ERROR", err)
		}
		if e := world.Finalize(); err == nil && e != nil {
			fmt.Println("ERROR", e)
			err = e
		}
	}()
	world.Warn, world.Timeout = time.Second, 3*time.Second
	if fault != "hang" {
		world.Timeout = time.Minute
	}
	here := world.Rank() == world.Size()-1
	size := 1001
	var opts []l4.Option
	switch {
	case here && fault == "model":
		size++
	case here && fault == "options":
		opts = append(opts, l4.WithFraction(0.2))
	}
	q := newQuadratic(size, float64(1+world.Rank()))
	batches := dist.NewBatches(world)
	batches.CheckEvery = 1
	solver := l4.NewL4Adam(batches, opts...)
	if fault != "seed" {
		if err := world.Start(solver, q.model()); err != nil {
			return err
		}
	}
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM)
	steps := jobSteps
	if fault == "interrupt" {
		steps = math.MaxInt
	}
	for step := 0; step < steps && !world.Stopped(); step++ {
		if here && step == faultStep {
			if leave, err := commit(fault, q); leave || err != nil {
				return err
			}
		}
		if !here && fault == "left, and failed" && step == faultStep {
			return world.Agree(errors.New("cannot load"))
		}
		select {
		case <-interrupted:
			world.Stop()
		default:
		}
		loss := q.run(step*world.Size() + world.Rank())
		if here && fault == "nan" && step == faultStep {
			q.g.Float32s()[7] = float32(math.NaN())
		}
		if err := batches.Add(loss, q.model()); err != nil {
			return err
		}
		if err := solver.Step(batches.Model()); err != nil {
			return errors.WithMessagef(err, "step %d", step)
		}
		if fault == "interrupt" {
			fmt.Println("STEP", world.Rank(), step)
			time.Sleep(time.Millisecond)
		}
	}
	fmt.Printf("WEIGHTS %x after %d steps\n", math.Float32bits(q.w.Float32s()[11]),
		solver.Last().Step)
	if fault == "finalized" {
		return callAfterFinalize(world, batches, solver, q)
	}
	return nil
}

// callAfterFinalize prints how many calls after Finalize return an error.
func callAfterFinalize(
	world *dist.World, batches *dist.Batches, solver *l4.L4Adam, q *quadratic,
) error {
	if err := world.Finalize(); err != nil {
		return err
	}
	_, initErr := mpi.Init()
	failed, calls := 0, []error{
		initErr,
		world.Agree(nil),
		batches.Add(q.run(0), q.model()),
		dist.NewBatches(world).Add(q.run(0), q.model()),
		solver.Step(batches.Model()),
	}
	for _, err := range calls {
		if err != nil {
			failed++
		}
	}
	fmt.Printf("ERRORS in %d of %d calls\n", failed, len(calls))
	return world.Finalize()
}

// commit commits a fault in the middle of training. It reports whether the rank must leave the
// training, and the error that it returns.
func commit(fault string, q *quadratic) (leave bool, err error) {
	switch fault {
	case "left", "left, and failed":
		return true, nil
	case "error":
		return true, errors.New("a fault of this rank")
	case "panic":
		panic("a bug")
	case "nil":
		var p *int
		*p = 1
	case "recovered":
		func() {
			defer func() { recover() }()
			var p *int
			*p = 1
		}()
	case "killed":
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "exit 0":
		os.Exit(0)
	case "exit 1":
		os.Exit(1)
	case "hang":
		select {}
	case "diverged":
		q.w.Float32s()[5] += 1e-6
	}
	return false, nil
}

// quadratic is a quadratic loss. Each batch shifts its minimum.
type quadratic struct {
	w, g *tensor.Dense
	loss gorgonia.F32
}

func newQuadratic(size int, start float64) *quadratic {
	q := &quadratic{
		w: tensor.New(tensor.WithShape(size), tensor.Of(tensor.Float32)),
		g: tensor.New(tensor.WithShape(size), tensor.Of(tensor.Float32)),
	}
	for i := range q.w.Float32s() {
		q.w.Float32s()[i] = float32(start)
	}
	return q
}

func (q *quadratic) Value() gorgonia.Value         { return q.w }
func (q *quadratic) Grad() (gorgonia.Value, error) { return q.g, nil }
func (q *quadratic) model() []gorgonia.ValueGrad   { return []gorgonia.ValueGrad{q} }

func (q *quadratic) run(batch int) gorgonia.Valuer {
	q.loss = 0
	for i, w := range q.w.Float32s() {
		d := w - float32(math.Sin(float64(i*7+batch)))/3
		q.loss += gorgonia.F32(d * d)
		q.g.Float32s()[i] += 2 * d
	}
	return lossOf{q}
}

type lossOf struct{ *quadratic }

func (l lossOf) Value() gorgonia.Value { return &l.loss }
