package dist_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/l4-go/l4/dist"
)

// TestStop: all ranks stop at the step after one has asked for it.
func TestStop(t *testing.T) {
	var stopped [3]int
	wantOK(t, each(t, 3, func(w *dist.World) error {
		tr := newTrainer(w, 1)
		for step := 0; !w.Stopped(); step++ {
			if step == 5 && w.Rank() == 2 {
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
		var b []byte
		if w.Rank() == 0 {
			b = long
		}
		b, err := w.Broadcast(b)
		if !slices.Equal(b, long) {
			t.Errorf("rank %d has received %d bytes, want %d", w.Rank(), len(b), len(long))
		}
		return err
	}))
}

// TestTimeout: a rank that never comes ends the job.
func TestTimeout(t *testing.T) {
	w, err := dist.New(dist.Local(2)[0])
	if err != nil {
		t.Fatal(err)
	}
	w.Warn, w.Timeout = time.Millisecond, 10*time.Millisecond
	if err := w.Agree(nil); err == nil || !strings.Contains(err.Error(), "aborted") {
		t.Errorf("error %v", err)
	}
}
