package dist_test

import (
	"errors"
	"log"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/l4-go/l4"
	"github.com/l4-go/l4/dist"
)

// TestStop: all ranks stop at the step after one has asked for it.
func TestStop(t *testing.T) {
	var stopped [3]int
	wantOK(t, each(t, 3, func(w *dist.World) error {
		tr := newTrainer(w, 1)
		for step := 0; step < 10 && !w.Stopped(); step++ {
			if step == 5 && w.Rank() == 1 {
				w.Stop()
			}
			if err := tr.step(step); err != nil {
				return err
			}
			stopped[w.Rank()] = step
		}
		return nil
	}))
	if stopped != [3]int{5, 5, 5} {
		t.Errorf("the last steps are %v, want 5", stopped)
	}
}

// TestAgreeAndBroadcast: an error of one rank reaches all, and the World goes on.
func TestAgreeAndBroadcast(t *testing.T) {
	fault := errors.New("the disk is full")
	long := slices.Repeat([]byte("abc"), 11<<20) // more than is sent at once
	wantOK(t, each(t, 2, func(w *dist.World) error {
		var mine, sent error
		if w.Rank() == 1 {
			sent = fault
		}
		mine = w.Agree(sent)
		if w.Rank() == 1 && mine != fault {
			t.Errorf("rank 1: %v, want its own error", mine)
		}
		if w.Rank() == 0 && (mine == nil || mine.Error() != "dist: rank 1 failed: the disk is full") {
			t.Errorf("rank 0: %v", mine)
		}
		if w.Rank() == 1 {
			sent = errors.New("no")
		}
		err := w.Agree(sent)
		if w.Rank() == 0 && (err == nil || err.Error() != "dist: rank 1 failed: no") {
			t.Errorf("rank 0: %v, want the second error", err)
		}
		var b []byte
		if w.Rank() == 0 {
			b = long
		}
		b, err = w.Broadcast(b)
		if !slices.Equal(b, long) {
			t.Errorf("rank %d has received %d bytes, want %d", w.Rank(), len(b), len(long))
		}
		return err
	}))
}

// TestTimeout checks that the wait for a rank that never comes is logged after Warn, and ends the
// job after Timeout.
func TestTimeout(t *testing.T) {
	logged := captureLog(t)
	synctest.Test(t, func(t *testing.T) {
		w, err := dist.New(dist.Local(2)[0])
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if err := w.Agree(nil); err == nil || !strings.Contains(err.Error(), "aborted") {
			t.Errorf("error %v", err)
		}
		if waited := time.Since(start); waited != w.Timeout {
			t.Errorf("the job ends after %v, want %v", waited, w.Timeout)
		}
	})
	for _, want := range []string{"rank 0 has waited 1m0s for other ranks at Agree\n",
		"rank 0 has waited 30m0s for other ranks at Agree and ends the job\n"} {
		if !strings.Contains(logged.String(), want) {
			t.Errorf("logged %q, want %q", logged.String(), want)
		}
	}
}

// TestTimeBetweenCalls checks that only the time of a call counts, not the time that ranks spend
// between calls.
func TestTimeBetweenCalls(t *testing.T) {
	logged := captureLog(t)
	wantOK(t, each(t, 2, func(w *dist.World) error {
		tr := newTrainer(w, 1)
		for i, call := range []func() error{
			func() error { return w.Start(tr.solver, tr.toy.model()) },
			func() error { return tr.step(0) },
			func() error { return w.Agree(nil) },
			func() error { _, err := w.Broadcast(nil); return err },
		} {
			if err := call(); err != nil {
				t.Errorf("call %d: %v", i, err)
			}
			time.Sleep(2 * w.Timeout)
		}
		return nil
	}))
	if logged.Len() > 0 {
		t.Errorf("logged %q", logged)
	}
}

// TestNoTimeout checks that ranks wait without a limit if Warn and Timeout are 0, and that a single
// rank, which waits for nobody, has no limit either.
func TestNoTimeout(t *testing.T) {
	logged := captureLog(t)
	for ranks := 1; ranks <= 2; ranks++ {
		wantOK(t, each(t, ranks, func(w *dist.World) error {
			if ranks == 2 {
				w.Warn, w.Timeout = 0, 0
			}
			return w.Start(slowState{l4.NewL4Adam(nil)}, newToy(1).model())
		}))
	}
	if logged.Len() > 0 {
		t.Errorf("logged %q", logged)
	}
}

// slowState is a solver that takes days to save.
type slowState struct{ dist.State }

func (s slowState) MarshalBinary() ([]byte, error) {
	time.Sleep(100 * time.Hour)
	return s.State.MarshalBinary()
}

// broken is an engine that fails once.
type broken struct {
	dist.Engine
	calls int
}

func (b *broken) AllGather(in, out []byte) error {
	if b.calls++; b.calls == 1 {
		return errors.New("connection lost")
	}
	return b.Engine.AllGather(in, out)
}

// TestEngineError checks that an error of the engine ends the World.
func TestEngineError(t *testing.T) {
	engine := &broken{Engine: dist.Local(1)[0]}
	w, err := dist.New(engine)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := w.Agree(nil); err == nil || err.Error() != "dist: connection lost" {
			t.Errorf("error %v", err)
		}
	}
	if err := w.Finalize(); err != nil {
		t.Errorf("Finalize returns an error again: %v", err)
	}
	if engine.calls != 1 {
		t.Errorf("%d calls of an engine that has failed, want 1", engine.calls)
	}
}

// captureLog returns what is logged until the end of the test.
func captureLog(t *testing.T) *strings.Builder {
	logged := new(strings.Builder)
	log.SetOutput(logged)
	t.Cleanup(func() { log.SetOutput(os.Stderr) })
	return logged
}

// lentMemory is an engine that takes its memory back in Finalize, as MPI may.
type lentMemory struct {
	dist.Engine
	memory    [][]byte
	finalized int
}

func (l *lentMemory) Memory(bytes int) ([]byte, error) {
	if l.finalized > 0 {
		return nil, errors.New("the engine has no memory after Finalize")
	}
	m, err := l.Engine.Memory(bytes)
	l.memory = append(l.memory, m)
	return m, err
}

func (l *lentMemory) Finalize() error {
	l.finalized++
	for _, m := range l.memory {
		for i := range m {
			m[i] = 0xff
		}
	}
	return l.Engine.Finalize()
}

// TestAfterFinalize checks that another Finalize returns nil, and any other call an error that does
// not use the engine.
func TestAfterFinalize(t *testing.T) {
	engine := &lentMemory{Engine: dist.Local(1)[0]}
	w, err := dist.New(engine)
	if err != nil {
		t.Fatal(err)
	}
	used, unused := newTrainer(w, 1), newTrainer(w, 1)
	if err := used.step(0); err != nil {
		t.Fatal(err)
	}
	if err := used.batches.Add(used.toy.run(1), used.toy.model()); err != nil {
		t.Fatal(err)
	}
	model := used.batches.Model()
	for range 3 {
		if err := w.Finalize(); err != nil {
			t.Error(err)
		}
	}
	if engine.finalized != 1 {
		t.Errorf("the engine has been finalized %d times, want once", engine.finalized)
	}
	weights := used.toy.numbers()
	for _, c := range []struct {
		name string
		call func() error
	}{
		{"Step on an earlier Model", func() error { return used.solver.Step(model) }},
		{"Step", func() error { return used.solver.Step(used.batches.Model()) }},
		{"Add", func() error { return used.batches.Add(used.toy.run(2), used.toy.model()) }},
		{"first Step", func() error { return unused.solver.Step(unused.batches.Model()) }},
		{"first Add", func() error { return unused.step(0) }},
		{"Add to a new Batches", func() error { return newTrainer(w, 1).step(0) }},
		{"Start", func() error { return w.Start(used.solver, used.toy.model()) }},
		{"Agree", func() error { return w.Agree(nil) }},
		{"Broadcast", func() error { _, err := w.Broadcast(nil); return err }},
	} {
		if err := c.call(); err == nil || !strings.Contains(err.Error(), "has been finalized") {
			t.Errorf("%s: error %v", c.name, err)
		}
	}
	for _, m := range engine.memory {
		if slices.ContainsFunc(m, func(b byte) bool { return b != 0xff }) {
			t.Errorf("%d bytes of the engine's memory have been written after Finalize", len(m))
		}
	}
	if !slices.Equal(used.toy.numbers(), weights) {
		t.Error("the weights have changed after Finalize")
	}
}

// TestLocalPanics checks that a negative number of ranks is a panic that names it.
func TestLocalPanics(t *testing.T) {
	if engines := dist.Local(0); len(engines) != 0 {
		t.Errorf("Local(0) has %d engines", len(engines))
	}
	defer func() {
		if text, _ := recover().(string); !strings.Contains(text, "Local(-1)") {
			t.Errorf("Local(-1) panics with %q", text)
		}
	}()
	dist.Local(-1)
}
