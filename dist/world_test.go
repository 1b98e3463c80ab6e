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

// TestStop checks that all ranks stop after the step in which one of them called Stop.
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
		t.Errorf("the last steps of the ranks are %v, want 5", stopped)
	}
}

// TestAgreeAndBroadcast checks that an error that one rank passes to Agree reaches all ranks, that
// the World can be used after it, and that Broadcast sends more bytes than fit into one call.
func TestAgreeAndBroadcast(t *testing.T) {
	fault := errors.New("the disk is full")
	long := slices.Repeat([]byte("abc"), 11<<20) // more than one call of the engine sends
	wantOK(t, each(t, 2, func(w *dist.World) error {
		var mine, sent error
		if w.Rank() == 1 {
			sent = fault
		}
		mine = w.Agree(sent)
		if w.Rank() == 1 && mine != fault {
			t.Errorf("rank 1: error %v, want its own error", mine)
		}
		const want = "dist: rank 1 failed: the disk is full"
		if w.Rank() == 0 && (mine == nil || mine.Error() != want) {
			t.Errorf("rank 0: error %v, want %q", mine, want)
		}
		if w.Rank() == 1 {
			sent = errors.New("no")
		}
		err := w.Agree(sent)
		if w.Rank() == 0 && (err == nil || err.Error() != "dist: rank 1 failed: no") {
			t.Errorf("rank 0: error %v, want the second error", err)
		}
		var b []byte
		if w.Rank() == 0 {
			b = long
		}
		b, err = w.Broadcast(b)
		if !slices.Equal(b, long) {
			t.Errorf("rank %d received %d bytes, want the %d bytes that were sent", w.Rank(),
				len(b), len(long))
		}
		return err
	}))
}

// TestTimeout checks that a rank that waits for another one logs this after Warn, and ends the job
// after Timeout.
func TestTimeout(t *testing.T) {
	logged := captureLog(t)
	synctest.Test(t, func(t *testing.T) {
		w, err := dist.New(dist.Local(2)[0])
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if err := w.Agree(nil); err == nil || !strings.Contains(err.Error(), "aborted") {
			t.Errorf("error %v, want that the job was aborted", err)
		}
		if waited := time.Since(start); waited != w.Timeout {
			t.Errorf("the job ends after %v, want %v", waited, w.Timeout)
		}
	})
	for _, want := range []string{"rank 0 has waited 1m0s for other ranks in Agree\n",
		"rank 0 has waited 30m0s for other ranks in Agree and ends the job\n"} {
		if !strings.Contains(logged.String(), want) {
			t.Errorf("logged %q, want %q", logged.String(), want)
		}
	}
}

// TestTimeBetweenCalls checks that Warn and Timeout limit the time of one call, and not the time
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
		t.Errorf("logged %q, want nothing", logged)
	}
}

// TestNoTimeout checks that ranks wait without a limit if Warn and Timeout are 0, and that a single
// rank, which does not wait for others, has no limit.
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
		t.Errorf("logged %q, want nothing", logged)
	}
}

// slowState is the state of a solver that takes days to save.
type slowState struct{ dist.State }

func (s slowState) MarshalBinary() ([]byte, error) {
	time.Sleep(100 * time.Hour)
	return s.State.MarshalBinary()
}

// broken is an engine whose first call fails.
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

// TestEngineError checks that all calls after an error of the engine return the same error without
// using the engine.
func TestEngineError(t *testing.T) {
	engine := &broken{Engine: dist.Local(1)[0]}
	w, err := dist.New(engine)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		const want = "dist: connection lost"
		if err := w.Agree(nil); err == nil || err.Error() != want {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	if err := w.Finalize(); err != nil {
		t.Errorf("Finalize repeats the error: %v", err)
	}
	if engine.calls != 1 {
		t.Errorf("%d calls of an engine whose first call failed, want 1", engine.calls)
	}
}

// captureLog collects all log messages until the end of the test.
func captureLog(t *testing.T) *strings.Builder {
	logged := new(strings.Builder)
	log.SetOutput(logged)
	t.Cleanup(func() { log.SetOutput(os.Stderr) })
	return logged
}

// lentMemory is an engine that overwrites its memory in Finalize, as MPI may do.
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

// TestAfterFinalize checks that a second Finalize returns nil, and that all other calls return an
// error and do not use the engine.
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
			t.Errorf("%s: error %v, want that the World has been finalized", c.name, err)
		}
	}
	for _, m := range engine.memory {
		if slices.ContainsFunc(m, func(b byte) bool { return b != 0xff }) {
			t.Errorf("the engine's memory of %d bytes has been written after Finalize", len(m))
		}
	}
	if !slices.Equal(used.toy.numbers(), weights) {
		t.Error("the weights have changed after Finalize")
	}
}

// TestLocalPanics checks that Local panics if the number of ranks is negative, and names the
// number.
func TestLocalPanics(t *testing.T) {
	if engines := dist.Local(0); len(engines) != 0 {
		t.Errorf("Local(0) returned %d engines, want 0", len(engines))
	}
	defer func() {
		if text, _ := recover().(string); !strings.Contains(text, "Local(-1)") {
			t.Errorf("Local(-1) panicked with %q, want a message that names it", text)
		}
	}()
	dist.Local(-1)
}

// poor is an engine that has no memory after a number of calls.
type poor struct {
	dist.Engine
	left int
}

func (p *poor) Memory(bytes int) ([]byte, error) {
	if p.left--; p.left < 0 {
		return nil, errors.New("no memory")
	}
	return p.Engine.Memory(bytes)
}

// TestWithoutMemory: if one rank gets no memory, all ranks get an error at once.
func TestWithoutMemory(t *testing.T) {
	const inNew = 4 // calls of Memory in New, where ranks do not wait for each other
	failures := 0
	for left := inNew; ; left++ {
		engines := dist.Local(3)
		engines[1] = &poor{engines[1], left}
		errs := eachOf(t, engines, func(w *dist.World) error {
			tr := newTrainer(w, 1)
			if _, err := w.Broadcast(make([]byte, 10)); err != nil {
				return err
			}
			if err := w.Start(tr.solver, tr.toy.model()); err != nil {
				return err
			}
			return w.Agree(tr.step(0))
		})
		if errs[1] == nil {
			wantOK(t, errs)
			break
		}
		failures++
		for r, err := range errs {
			if err == nil || !strings.Contains(err.Error(), "no memory") {
				t.Errorf("after %d calls, rank %d: error %v, want that rank 1 has no memory",
					left, r, err)
			}
		}
	}
	if failures < 4 {
		t.Errorf("%d calls of Memory after New, want several", failures)
	}
}
